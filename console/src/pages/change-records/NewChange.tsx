/** A change written down by hand, before it is made: what, where, how long, and what it will cause. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import { useBeginChange } from "../../data/change-records";
import { useMay } from "../../data/me";
import type { ChangeRecord } from "../../data/types";
import { ErrorState } from "../../parts/states";
import { MatchPreview } from "../quiet/Matches";
import { namesIn } from "./view";

const LENGTHS = [
  { value: "15m", label: "15 minutes" }, { value: "1h", label: "1 hour" }, { value: "2h", label: "2 hours" }, { value: "4h", label: "4 hours" },
  { value: "12h", label: "12 hours" }, { value: "1d", label: "1 day" }, { value: "7d", label: "7 days" },
];
const KINDS = ["change", "deployment", "configuration", "patch", "transport"];

/** Typing waits this long before the server is asked what the matcher is about. */
const TYPING_MS = 300;

interface Props {
  onClose: () => void;
  namespace: string;
  resources?: string;
  services?: string;
  onMade?: (change: ChangeRecord) => void;
}

export function NewChange({ opened, ...props }: Props & { opened: boolean }) {
  return (
    <Modal opened={opened} onClose={props.onClose} title="A change begins" size={560}>
      {opened && <Form {...props} />}
    </Modal>
  );
}

function Form({ onClose, namespace, resources: where = "", services: theirs = "", onMade }: Props) {
  const begin = useBeginChange();
  const may = useMay();
  const [title, setTitle] = useState("");
  const [kind, setKind] = useState("change");
  const [resources, setResources] = useState(where);
  const [services, setServices] = useState(theirs);
  const [link, setLink] = useState("");
  const [lasts, setLasts] = useState("1h");
  const [name, setName] = useState("resource");
  const [value, setValue] = useState("");
  const expects = value.trim() === "" ? [] : [{ name, value: value.trim(), is_regex: false, is_equal: true }];
  const [asked] = useDebouncedValue(expects, TYPING_MS);
  const places = { resources: namesIn(resources), services: namesIn(services) };
  const linkFits = link.trim() === "" || /^https?:\/\/\S+$/i.test(link.trim());
  const valid = title.trim() !== "" && places.resources.length + places.services.length > 0 && linkFits;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        begin.mutate(
          { title: title.trim(), kind, ...places, lasts, namespace, expects, ...(link.trim() ? { links: [{ url: link.trim() }] } : {}) },
          {
            onSuccess: (made) => {
              onMade?.(made);
              onClose();
            },
          },
        );
      }}
    >
      <p className="dim">Incidents that begin where it is made, or behind that, will name it. Say when it is over.</p>
      <TextInput label="What is changed" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <div className="field-row">
        <TextInput label="Resources" placeholder="db-1, db-2" value={resources} onChange={(event) => setResources(event.currentTarget.value)} />
        <TextInput label="Services" placeholder="shop" value={services} onChange={(event) => setServices(event.currentTarget.value)} />
      </div>
      <div className="field-row">
        <Select label="Kind" allowDeselect={false} data={KINDS} value={kind} onChange={(next) => setKind(next ?? "change")} />
        <Select label="Over by itself after" allowDeselect={false} data={LENGTHS} value={lasts} onChange={(next) => setLasts(next ?? "1h")} />
      </div>
      <TextInput label="More about it" placeholder="https://" value={link} error={linkFits ? undefined : "An address that begins with http:// or https://"} onChange={(event) => setLink(event.currentTarget.value)} />
      {may("silence:write", namespace) && (
        <fieldset style={{ border: 0, padding: 0, margin: 0, display: "grid", gap: 6 }}>
          <legend className="med" style={{ marginBottom: 4, padding: 0 }}>Alerts that it will cause <span className="dim3 t12">call nobody until 5 minutes after its end</span></legend>
          <div className="row">
            <select className="field" aria-label="Field of the alerts" value={name} onChange={(event) => setName(event.currentTarget.value)}>
              {["resource", "service", "check", "type"].map((each) => <option key={each}>{each}</option>)}
            </select>
            <span className="dim3">=</span>
            <input className="field grow" aria-label="Its value" placeholder="none" value={value} onChange={(event) => setValue(event.currentTarget.value)} />
          </div>
          {asked.length > 0 && <div className="aside" aria-live="polite"><MatchPreview matchers={asked} namespace={namespace} /></div>}
        </fieldset>
      )}
      {begin.error && <ErrorState error={begin.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!valid || begin.isPending}>It begins now</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
        <span className="dim3 t12 end">in {namespace}</span>
      </div>
    </form>
  );
}
