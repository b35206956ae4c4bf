/** An incident that no alert has opened: someone says that something is wrong. */
import { Modal, Select, Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useOpenIncident } from "../../data/work";
import { sentence } from "../../parts/format";
import { ErrorState } from "../../parts/states";

export function NewIncident({ opened, onClose, namespace }: { opened: boolean; onClose: () => void; namespace: string }) {
  return <Modal opened={opened} onClose={onClose} title="Open an incident" size={560}>{opened && <Form onClose={onClose} namespace={namespace} />}</Modal>;
}

function Form({ onClose, namespace }: { onClose: () => void; namespace: string }) {
  const open = useOpenIncident();
  const navigate = useNavigate();
  const [title, setTitle] = useState("");
  const [service, setService] = useState("");
  const [severity, setSeverity] = useState("major");
  const [description, setDescription] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        open.mutate(
          { title: title.trim(), severity, description: description.trim(), namespace, ...(service.trim() ? { service: service.trim() } : {}) },
          { onSuccess: (made) => { onClose(); void navigate({ to: "/incidents/$id", params: { id: made.id } }); } },
        );
      }}
    >
      <TextInput label="What is wrong" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <div className="field-row">
        <TextInput label="Service" description="Its owner is told." value={service} onChange={(event) => setService(event.currentTarget.value)} />
        <Select label="Severity" description="With the service it makes the priority." allowDeselect={false} data={["critical", "major", "minor", "warning"].map((value) => ({ value, label: sentence(value) }))} value={severity} onChange={(value) => setSeverity(value ?? severity)} />
      </div>
      <Textarea label="What people should know" autosize minRows={2} maxRows={10} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <p className="dim t12">Alerts about the same join it. It ends when a person resolves it.</p>
      {open.error && <ErrorState error={open.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={title.trim() === "" || open.isPending}>Open</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
