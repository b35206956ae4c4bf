/** A silence, new or changed: what it matches, how long, why, and what fires now that it is about. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import { useCreateSilence, type NewSilence as Draft } from "../../data/commands";
import type { Silence } from "../../data/types";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { MatchPreview } from "./Matches";
import { operator } from "./view";

type Matcher = Draft["matchers"][number];

const HOURS = [
  { value: "0.5", label: "30 minutes" }, { value: "1", label: "1 hour" }, { value: "4", label: "4 hours" }, { value: "12", label: "12 hours" },
  { value: "24", label: "1 day" }, { value: "168", label: "7 days" },
];

/** Typing waits this long before the server is asked what the matchers are about. */
const TYPING_MS = 300;

interface Props {
  onClose: () => void;
  matchers: readonly Matcher[];
  namespace: string;
  /** The silence that is changed; without one, it is a new one. */
  from?: Silence;
  /** Changed matchers make another silence, with an id of its own. */
  onSet?: (silence: Silence) => void;
}

export function NewSilence({ opened, ...props }: Props & { opened: boolean }) {
  return (
    <Modal opened={opened} onClose={props.onClose} title={props.from ? "Change the silence" : "New silence"} size={560}>
      {opened && <Form {...props} />}
    </Modal>
  );
}

function Form({ onClose, matchers: given, namespace, from, onSet }: Props) {
  const create = useCreateSilence();
  const [matchers, setMatchers] = useState<readonly Matcher[]>(given);
  const [hours, setHours] = useState(from && from.state !== "expired" ? "" : "1");
  const [comment, setComment] = useState(from?.comment ?? "");
  const [asked] = useDebouncedValue(matchers, TYPING_MS);
  const change = (at: number, next: Partial<Matcher>): void => setMatchers(matchers.map((matcher, index) => (index === at ? { ...matcher, ...next } : matcher)));
  const complete = (all: readonly Matcher[]): boolean => all.length > 0 && all.every((matcher) => matcher.name.trim() !== "") && all.some((matcher) => matcher.value !== "");
  const valid = complete(matchers) && comment.trim() !== "";
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const start = new Date();
        const times = from && hours === ""
          ? { starts_at: from.starts_at, ends_at: from.ends_at }
          : { starts_at: from?.state === "active" ? from.starts_at : start.toISOString(), ends_at: new Date(start.getTime() + Number(hours) * 3_600_000).toISOString() };
        create.mutate(
          { matchers: [...matchers], comment: comment.trim(), namespace, ...times, ...(from ? { id: from.id } : {}) },
          {
            onSuccess: (silence) => {
              onSet?.(silence);
              onClose();
            },
          },
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
      <section className="aside" aria-label="What it is about" aria-live="polite" tabIndex={0}>
        <MatchPreview matchers={asked} namespace={namespace} complete={complete(asked)} />
      </section>
      <Select
        label={from ? "From now, for" : "For"} data={from && from.state !== "expired" ? [{ value: "", label: "as long as it was to be" }, ...HOURS] : HOURS} value={hours}
        onChange={(value) => setHours(value ?? "1")} allowDeselect={false}
      />
      {from && hours === "" && <p className="dim3 t12">It ends <RelativeTime at={from.ends_at} />.</p>}
      <TextInput label="Why" required withAsterisk={false} placeholder="What is being done meanwhile" value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
      {create.error && <ErrorState error={create.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!valid || create.isPending}>{from ? "Change" : "Silence"}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
