/** Tokens: made once, shown once, revoked at once. */
import { Modal, NumberInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { ROLES, useCreateToken, useRevokeToken, useTokens } from "../../data/access";
import { useMay, useMe } from "../../data/me";
import type { Token } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";

const SCOPES = [
  { value: "source", label: "Send events only" },
  { value: "role", label: "A role" },
  { value: "worker", label: "Worker only" },
];

export function Tokens() {
  const tokens = useTokens();
  const may = useMay();
  const revoke = useRevokeToken();
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const write = may("token:write");
  return (
    <>
      <Card title="Tokens" scope={tokens.data ? plural(tokens.data.items.length, "token") : undefined} end={write && <button type="button" className="btn small" onClick={() => setAdding(true)}><Icon name="plus" size="s" />New token</button>}>
        <Loaded query={tokens} what="tokens">
          {(page) => page.items.length === 0
            ? <EmptyState title="No token yet"><p>A sender needs one that can only send events; a script, one with a role.</p></EmptyState>
            : (
              <ul>
                {page.items.map((token) => (
                  <li key={token.id} className="moving-row">
                    <span className="row wrapping">
                      <b className="med">{token.name}</b><span className="tag">{token.scope === "role" ? token.role : SCOPES.find((scope) => scope.value === token.scope)?.label}</span>
                      <span className="dim3">{token.namespaces.map((namespace) => (namespace === "*" ? "every namespace" : namespace)).join(", ")}</span>
                      <span className="mono dim3">{token.id}</span>
                      {write && <button type="button" className="btn small end" onClick={() => setRevoking(token)}>Revoke</button>}
                    </span>
                    <span className="t12 dim3">
                      last used <RelativeTime at={token.last_used_at} suffix=" ago" />; made <RelativeTime at={token.created_at} suffix=" ago" /> by {token.created_by}; {token.expires_at ? <>ends <RelativeTime at={token.expires_at} /></> : "does not end by itself"}
                    </span>
                  </li>
                ))}
              </ul>
            )}
        </Loaded>
      </Card>
      <Modal opened={adding} onClose={() => setAdding(false)} title="New token">{adding && <AddForm onClose={() => setAdding(false)} />}</Modal>
      <Ask
        opened={revoking !== null} onClose={() => setRevoking(null)} title={`Revoke ${revoking?.name ?? ""}?`} act="Revoke"
        effect="It stops working at once, and cannot be brought back. Senders that use it are refused from then on."
        run={() => (revoking ? revoke.mutateAsync({ id: revoking.id }) : Promise.resolve())}
      />
    </>
  );
}

function AddForm({ onClose }: { onClose: () => void }) {
  const create = useCreateToken();
  const me = useMe().data;
  const [name, setName] = useState("");
  const [scope, setScope] = useState("source");
  const [role, setRole] = useState("viewer");
  const [namespace, setNamespace] = useState(me?.home ?? "default");
  const [days, setDays] = useState<number | string>(365);
  if (create.data) {
    return (
      <div className="stack">
        <p className="dim">This is the only time it is shown. OnCue keeps no more than its hash.</p>
        <pre className="code boxed" tabIndex={0} aria-label="The new token" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{create.data.token}</pre>
        <div className="row"><CopyButton text={create.data.token} label="Copy the token" /><button type="button" className="btn" onClick={onClose}>Done</button></div>
      </div>
    );
  }
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate({
          name: name.trim(), scope, namespaces: namespace.split(",").map((each) => each.trim()).filter(Boolean),
          ...(scope === "role" ? { role } : {}), ...(typeof days === "number" ? { expires_in_days: days } : {}),
        });
      }}
    >
      <TextInput label="Name" description="What uses it, as prometheus-dc1" required withAsterisk={false} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <Select label="What it can do" allowDeselect={false} data={SCOPES} value={scope} onChange={(value) => setScope(value ?? "source")} />
      {scope === "role" && <Select label="Role" allowDeselect={false} data={ROLES.map((each) => ({ value: each, label: sentence(each) }))} value={role} onChange={(value) => setRole(value ?? "viewer")} />}
      <TextInput label="In the namespaces" description="Separated by commas; * is every one" required withAsterisk={false} value={namespace} onChange={(event) => setNamespace(event.currentTarget.value)} />
      <NumberInput label="Ends after days" description="Empty: it does not end by itself" min={1} max={3650} value={days} onChange={setDays} />
      {create.error && <ErrorState error={create.error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={name.trim() === "" || create.isPending}>Make token</button><button type="button" className="btn" onClick={onClose}>Cancel</button></div>
    </form>
  );
}
