/** People and service accounts: who may do what where. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { ROLES, useChangeUser, useCreateUser, useDeleteUser, useUserLink, useUsers } from "../../data/access";
import { useMay, useMe } from "../../data/me";
import type { User } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { initials, plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";

export function roleText(bindings: User["bindings"]): string {
  return bindings.map((binding) => `${binding.role} in ${binding.namespace === "*" ? "every namespace" : binding.namespace}`).join(", ") || "no role yet";
}

export function People() {
  const users = useUsers();
  const me = useMe().data;
  const may = useMay();
  const change = useChangeUser();
  const drop = useDeleteUser();
  const link = useUserLink();
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<User | null>(null);
  const [deleting, setDeleting] = useState<User | null>(null);
  const write = may("user:write");
  const error = change.error ?? link.error;
  return (
    <>
      {error && <ErrorState error={error} />}
      <Card title="People and service accounts" scope={users.data ? plural(users.data.items.length, "account") : undefined} end={write && <button type="button" className="btn small" onClick={() => setAdding(true)}><Icon name="plus" size="s" />Add</button>}>
        <Loaded query={users} what="people">
          {(page) => (
            <ul>
              {page.items.map((user) => (
                <li key={user.name} className="moving-row">
                  <span className="row wrapping">
                    <span className="avatar" aria-hidden="true" style={user.disabled ? { background: "none", color: "var(--text-3)", border: "1px dashed var(--line-strong)" } : {}}>{initials(user.name)}</span>
                    <b className="med">{user.name}</b>{user.display_name && <span className="dim">{user.display_name}</span>}{user.email && <span className="dim3">{user.email}</span>}
                    {user.kind === "service" && <span className="tag">service account</span>}{user.disabled && <span className="tag">disabled</span>}
                    {user.kind === "person" && !user.has_password && <span className="tag">no password yet</span>}
                    {write && (
                      <span className="end row wrapping">
                        {user.kind === "person" && <button type="button" className="btn small" onClick={() => link.mutate({ name: user.name })}>Sign-in link</button>}
                        <button type="button" className="btn small" onClick={() => setEditing(user)}>Role</button>
                        {user.name !== me?.user && <button type="button" className="btn small" onClick={() => change.mutate({ name: user.name, disabled: !user.disabled })}>{user.disabled ? "Enable" : "Disable"}</button>}
                        {user.name !== me?.user && <button type="button" className="btn small" onClick={() => setDeleting(user)}>Delete</button>}
                      </span>
                    )}
                  </span>
                  <span className="t12 dim3">{roleText(user.bindings)}; added <RelativeTime at={user.created_at} suffix=" ago" /> by {user.created_by}</span>
                </li>
              ))}
            </ul>
          )}
        </Loaded>
      </Card>
      <Modal opened={link.data !== undefined} onClose={() => link.reset()} title="A link that works once">
        {link.data && (
          <div className="stack">
            <p className="dim">Hand it over by a channel you trust. With it they set a password and are signed in. It ends <RelativeTime at={link.data.expires_at} />.</p>
            <pre className="code boxed" tabIndex={0} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{link.data.url}</pre>
            <div><CopyButton text={link.data.url} label="Copy the link" /></div>
          </div>
        )}
      </Modal>
      <Modal opened={adding} onClose={() => setAdding(false)} title="Add someone">{adding && <AddForm onClose={() => setAdding(false)} />}</Modal>
      <Modal opened={editing !== null} onClose={() => setEditing(null)} title={`What ${editing?.name ?? ""} may do`}>{editing && <RoleForm user={editing} onClose={() => setEditing(null)} />}</Modal>
      <Ask
        opened={deleting !== null} onClose={() => setDeleting(null)} title={`Delete ${deleting?.name ?? ""}?`} act="Delete"
        effect="It ends their sessions and tokens at once, and cannot be undone. What they did stays in the journal."
        run={() => (deleting ? drop.mutateAsync({ name: deleting.name }) : Promise.resolve())}
      />
    </>
  );
}

const roles = ROLES.map((role) => ({ value: role, label: sentence(role) }));

function AddForm({ onClose }: { onClose: () => void }) {
  const create = useCreateUser();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [kind, setKind] = useState("person");
  const [role, setRole] = useState("responder");
  const [namespace, setNamespace] = useState("*");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate({ name: name.trim(), kind, bindings: [{ role, namespace: namespace.trim() || "*" }], ...(email.trim() ? { email: email.trim() } : {}) }, { onSuccess: onClose });
      }}
    >
      <TextInput label="Name" description="Lower-case letters, digits, dots, hyphens" required withAsterisk={false} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <TextInput label="E-mail" type="email" value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
      <Select label="Kind" allowDeselect={false} data={[{ value: "person", label: "Person" }, { value: "service", label: "Service account" }]} value={kind} onChange={(value) => setKind(value ?? "person")} />
      <Select label="Role" allowDeselect={false} data={roles} value={role} onChange={(value) => setRole(value ?? "viewer")} />
      <TextInput label="In the namespace" description="* is every one" value={namespace} onChange={(event) => setNamespace(event.currentTarget.value)} />
      {create.error && <ErrorState error={create.error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={name.trim() === "" || create.isPending}>Add</button><button type="button" className="btn" onClick={onClose}>Cancel</button></div>
    </form>
  );
}

function RoleForm({ user, onClose }: { user: User; onClose: () => void }) {
  const change = useChangeUser();
  const [bindings, setBindings] = useState(user.bindings.length > 0 ? user.bindings : [{ role: "viewer", namespace: "*" }]);
  const edit = (at: number, next: Partial<User["bindings"][number]>): void => setBindings(bindings.map((binding, index) => (index === at ? { ...binding, ...next } : binding)));
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate({ name: user.name, bindings }, { onSuccess: onClose });
      }}
    >
      {bindings.map((binding, index) => (
        <div className="row" key={index}>
          <Select aria-label="Role" allowDeselect={false} data={roles} value={binding.role} onChange={(value) => edit(index, { role: value ?? "viewer" })} />
          <TextInput aria-label="Namespace" value={binding.namespace} onChange={(event) => edit(index, { namespace: event.currentTarget.value })} />
          <button type="button" className="btn ghost square" aria-label="Remove this role" onClick={() => setBindings(bindings.filter((_, other) => other !== index))}><Icon name="close" size="s" /></button>
        </div>
      ))}
      <div><button type="button" className="btn small" onClick={() => setBindings([...bindings, { role: "viewer", namespace: "default" }])}><Icon name="plus" size="s" />Role</button></div>
      <p className="t12 dim3">* is every namespace. The change holds from the next request on.</p>
      {change.error && <ErrorState error={change.error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={change.isPending}>Save</button><button type="button" className="btn" onClick={onClose}>Cancel</button></div>
    </form>
  );
}
