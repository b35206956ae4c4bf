/** Secrets: values go in and never come out; manifests refer to them. */
import { Modal, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";

import { useDeleteSecret, useSecrets, useSetSecret } from "../../data/access";
import { useMay, useMe } from "../../data/me";
import type { Secret } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";

export function Secrets() {
  const secrets = useSecrets();
  const me = useMe().data;
  const may = useMay();
  const drop = useDeleteSecret();
  const [setting, setSetting] = useState<{ namespace: string; name: string } | null>(null);
  const [deleting, setDeleting] = useState<Secret | null>(null);
  return (
    <>
      <Card
        title="Secrets" scope={secrets.data ? plural(secrets.data.items.length, "secret") : undefined}
        end={may("secret:write") && <button type="button" className="btn small" onClick={() => setSetting({ namespace: me?.home ?? "default", name: "" })}><Icon name="plus" size="s" />Set a secret</button>}
      >
        <Loaded query={secrets} what="secrets">
          {(page) => page.items.length === 0
            ? <EmptyState title="No secret yet"><p>Passwords and keys that channels, workflows and sources need are kept here, encrypted. Manifests refer to them as <span className="mono">secret://name</span>.</p></EmptyState>
            : (
              <ul>
                {page.items.map((secret) => (
                  <li key={`${secret.namespace}/${secret.name}`} className="moving-row">
                    <span className="row wrapping">
                      <Icon name="lock" /><b className="med mono">{secret.reference}</b><span className="dim3">{secret.namespace}</span>
                      <span className="end row wrapping">
                        <CopyButton text={secret.reference} label="Copy the reference" />
                        {may("secret:write", secret.namespace) && <button type="button" className="btn small" onClick={() => setSetting(secret)}>Replace</button>}
                        {may("secret:write", secret.namespace) && <button type="button" className="btn small" onClick={() => setDeleting(secret)}>Delete</button>}
                      </span>
                    </span>
                    <span className="t12 dim3">set <RelativeTime at={secret.updated_at} suffix=" ago" /> by {secret.updated_by}</span>
                  </li>
                ))}
              </ul>
            )}
        </Loaded>
      </Card>
      <Modal opened={setting !== null} onClose={() => setSetting(null)} title={setting?.name ? `Replace ${setting.name}` : "Set a secret"}>
        {setting && <SetForm start={setting} onClose={() => setSetting(null)} />}
      </Modal>
      <Ask
        opened={deleting !== null} onClose={() => setDeleting(null)} title={`Delete ${deleting?.name ?? ""}?`} act="Delete"
        effect="What refers to it fails from its next use on. The value cannot be brought back."
        run={() => (deleting ? drop.mutateAsync(deleting) : Promise.resolve())}
      />
    </>
  );
}

function SetForm({ start, onClose }: { start: { namespace: string; name: string }; onClose: () => void }) {
  const set = useSetSecret();
  const [namespace, setNamespace] = useState(start.namespace);
  const [name, setName] = useState(start.name);
  const [value, setValue] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        set.mutate({ namespace: namespace.trim(), name: name.trim(), value }, { onSuccess: onClose });
      }}
    >
      <TextInput label="Name" required withAsterisk={false} disabled={start.name !== ""} value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <TextInput label="Namespace" required withAsterisk={false} disabled={start.name !== ""} value={namespace} onChange={(event) => setNamespace(event.currentTarget.value)} />
      <PasswordInput label="Value" description="It is encrypted, and never shown again" required withAsterisk={false} autoComplete="off" value={value} onChange={(event) => setValue(event.currentTarget.value)} />
      {set.error && <ErrorState error={set.error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={name.trim() === "" || value === "" || set.isPending}>Set</button><button type="button" className="btn" onClick={onClose}>Cancel</button></div>
    </form>
  );
}
