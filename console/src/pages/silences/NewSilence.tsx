/** A new silence: what it matches, how long, and why. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { useCreateSilence, type NewSilence as Draft } from "../../data/commands";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";

type Matcher = Draft["matchers"][number];

const HOURS = [
  { value: "0.5", label: "30 minutes" }, { value: "1", label: "1 hour" }, { value: "4", label: "4 hours" }, { value: "12", label: "12 hours" },
  { value: "24", label: "1 day" }, { value: "168", label: "7 days" },
];

export function operator(matcher: Matcher): string {
  return `${matcher.is_equal ? "=" : "!"}${matcher.is_regex ? "~" : matcher.is_equal ? "" : "="}`;
}

export function NewSilence({ opened, onClose, matchers, namespace }: { opened: boolean; onClose: () => void; matchers: readonly Matcher[]; namespace: string }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New silence" size={560}>
      {opened && <Form onClose={onClose} matchers={matchers} namespace={namespace} />}
    </Modal>
  );
}

function Form({ onClose, matchers: given, namespace }: { onClose: () => void; matchers: readonly Matcher[]; namespace: string }) {
  const create = useCreateSilence();
  const [matchers, setMatchers] = useState<readonly Matcher[]>(given);
  const [hours, setHours] = useState("1");
  const [comment, setComment] = useState("");
  const change = (at: number, next: Partial<Matcher>): void => setMatchers(matchers.map((matcher, index) => (index === at ? { ...matcher, ...next } : matcher)));
  const valid = matchers.length > 0 && matchers.every((matcher) => matcher.name.trim() !== "") && comment.trim() !== "";
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const start = new Date();
        create.mutate(
          { matchers: [...matchers], comment: comment.trim(), namespace, starts_at: start.toISOString(), ends_at: new Date(start.getTime() + Number(hours) * 3_600_000).toISOString() },
          { onSuccess: onClose },
        );
      }}
    >
      <p className="dim">Alerts that match all of these fire on, but call nobody. The silence can be ended at any time.</p>
      <fieldset style={{ border: 0, padding: 0, margin: 0, display: "grid", gap: 8 }}>
        <legend className="eyebrow" style={{ marginBottom: 4 }}>Matches</legend>
        {matchers.map((matcher, index) => (
          <div className="row" key={index}>
            <input className="field" style={{ width: 130 }} aria-label="Label or field" value={matcher.name} onChange={(event) => change(index, { name: event.currentTarget.value })} />
            <select
              className="field" aria-label="Comparison" value={operator(matcher)}
              onChange={(event) => change(index, { is_equal: event.currentTarget.value.startsWith("="), is_regex: event.currentTarget.value.endsWith("~") })}
            >
              {["=", "!=", "=~", "!~"].map((each) => <option key={each}>{each}</option>)}
            </select>
            <input className="field grow" aria-label="Value" value={matcher.value} onChange={(event) => change(index, { value: event.currentTarget.value })} />
            <button type="button" className="btn ghost square" aria-label={`Remove the matcher on ${matcher.name}`} onClick={() => setMatchers(matchers.filter((_, other) => other !== index))}><Icon name="close" size="s" /></button>
          </div>
        ))}
        <div><button type="button" className="btn small" onClick={() => setMatchers([...matchers, { name: "", value: "", is_regex: false, is_equal: true }])}><Icon name="plus" size="s" />Matcher</button></div>
      </fieldset>
      <Select label="For" data={HOURS} value={hours} onChange={(value) => setHours(value ?? "1")} allowDeselect={false} />
      <TextInput label="Why" required withAsterisk={false} placeholder="What is being done meanwhile" value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
      {create.error && <ErrorState error={create.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!valid || create.isPending}>Silence</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
