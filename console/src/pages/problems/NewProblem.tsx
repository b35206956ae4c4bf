/** A new problem, on its own or made of an incident. */
import { Modal, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";

import type { Incident } from "../../data/types";
import { useCreateProblem } from "../../data/work";
import { ErrorState } from "../../parts/states";

interface Props {
  opened: boolean;
  onClose: () => void;
  namespace: string;
  from?: Incident;
}

export function NewProblem({ opened, onClose, namespace, from }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={from ? `A problem behind ${from.id}` : "New problem"} size={560}>
      {opened && <Form onClose={onClose} namespace={namespace} {...(from ? { from } : {})} />}
    </Modal>
  );
}

function Form({ onClose, namespace, from }: Omit<Props, "opened">) {
  const create = useCreateProblem();
  const [title, setTitle] = useState(from?.title ?? "");
  const [workaround, setWorkaround] = useState("");
  const [cause, setCause] = useState("");
  const [resource, setResource] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          {
            title: title.trim(), workaround: workaround.trim(), root_cause: cause.trim(),
            ...(from ? { incident: from.id } : { namespace }),
            ...(resource.trim() ? { matchers: [{ name: "resource", value: resource.trim(), is_regex: true, is_equal: true }] } : {}),
          },
          { onSuccess: onClose },
        );
      }}
    >
      <TextInput label="What it is" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <Textarea label="Workaround" description="What helps meanwhile; with it, this is a known error." autosize minRows={2} maxRows={10} value={workaround} onChange={(event) => setWorkaround(event.currentTarget.value)} />
      <TextInput label="What is behind it" value={cause} onChange={(event) => setCause(event.currentTarget.value)} />
      {from
        ? <p className="dim t12">New incidents with the same alerts as {from.id} will say that they come from it.</p>
        : <TextInput label="Resources that have it" description="A regular expression over the whole name, as switch-.*; the command line knows further matchers." value={resource} onChange={(event) => setResource(event.currentTarget.value)} />}
      {create.error && <ErrorState error={create.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={title.trim() === "" || create.isPending}>Write problem</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
