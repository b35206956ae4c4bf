/** A new ticket, on its own or from an incident. */
import { Modal, Select, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";

import { useCreateTicket } from "../../data/commands";
import { SEVERITIES, type Incident } from "../../data/types";
import { ErrorState } from "../../parts/states";
import { sentence } from "../../parts/format";

export function NewTicket({ opened, onClose, from }: { opened: boolean; onClose: () => void; from?: Incident }) {
  return (
    <Modal opened={opened} onClose={onClose} title={from ? `New ticket for ${from.id}` : "New ticket"} size={560}>
      {opened && <Form onClose={onClose} {...(from ? { from } : {})} />}
    </Modal>
  );
}

const choices = (values: readonly string[]) => values.map((value) => ({ value, label: sentence(value) }));

function Form({ onClose, from }: { onClose: () => void; from?: Incident }) {
  const create = useCreateTicket();
  const [type, setType] = useState(from ? "incident" : "request");
  const [title, setTitle] = useState(from?.title ?? "");
  const [description, setDescription] = useState("");
  const [severity, setSeverity] = useState<string | null>(from?.severity ?? null);
  const [service, setService] = useState(from?.service ?? "");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          {
            type, title: title.trim(), description: description.trim(),
            ...(severity ? { severity } : {}), ...(service.trim() ? { service: service.trim() } : {}),
            ...(from ? { incident: from.id, namespace: from.namespace, priority: from.priority, ...(from.resource ? { resource: from.resource } : {}) } : {}),
          },
          { onSuccess: onClose },
        );
      }}
    >
      <TextInput label="Title" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <div className="field-row">
        <Select label="Type" allowDeselect={false} data={choices(["incident", "request", "problem", "change"])} value={type} onChange={(value) => setType(value ?? "request")} />
        <Select label="Severity" clearable data={choices(SEVERITIES.slice(0, 5))} value={severity} onChange={setSeverity} />
        <TextInput label="Service" value={service} onChange={(event) => setService(event.currentTarget.value)} />
      </div>
      <Textarea label="Description" autosize minRows={4} maxRows={12} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      {create.error && <ErrorState error={create.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={title.trim() === "" || create.isPending}>Write ticket</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
