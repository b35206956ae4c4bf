/** Giving incidents their shape by hand: merge, split, move, detach. Each says before what it will do. */
import { Checkbox, Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import { useMerge, useMoveAlerts, useSplit } from "../../data/commands";
import { useShort } from "../../data/lists";
import type { Alert, Incident } from "../../data/types";
import { plural } from "../../parts/format";
import { PriorityTag, SeverityMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { mergePreview, refusal, regroupPreview, type Regrouping } from "./regroup";

/** Other incidents that people work on, by what one types. */
function useOthers(incident: Incident, typed: string) {
  const [q] = useDebouncedValue(typed, 200);
  return useShort<Incident>("incidents", { namespace: incident.namespace, state: "open,acknowledged", order: "priority", q, limit: 50 });
}

function Effects({ said }: { said: readonly string[] }) {
  if (said.length === 0) return null;
  return (
    <div className="aside stack" style={{ gap: 4 }} aria-live="polite" role="status">
      {said.map((line) => <p key={line} className="wrap">{line}</p>)}
    </div>
  );
}

interface PickerProps {
  incident: Incident;
  chosen: ReadonlyMap<string, Incident>;
  choose: (one: Incident) => void;
  many: boolean;
}

function Picker({ incident, chosen, choose, many }: PickerProps) {
  const [typed, setTyped] = useState("");
  const query = useOthers(incident, typed);
  return (
    <div className="stack" style={{ gap: 6 }}>
      <TextInput label="Incident" placeholder="Search titles and ids" value={typed} data-autofocus onChange={(event) => setTyped(event.currentTarget.value)} />
      <div className="picker" role={many ? "group" : "radiogroup"} aria-label={many ? "Incidents that are about the same" : "The incident that they belong to"}>
        <Loaded query={query} what="incidents">
          {(page) => {
            const others = page.items.filter((one) => one.id !== incident.id);
            if (others.length === 0) return <EmptyState title={typed === "" ? "No other incident is open" : "No open incident fits"} />;
            return others.map((one) => (
              <label key={one.id} className="picker-row">
                <Checkbox size="xs" aria-label={`${one.id} ${one.title}`} checked={chosen.has(one.id)} radius={many ? undefined : "xl"} onChange={() => choose(one)} />
                <PriorityTag priority={one.priority} />
                <span className="grow stack" style={{ gap: 0 }}>
                  <span className="wrap med">{one.title}</span>
                  <span className="t12 dim3"><span className="mono">{one.id}</span> {[one.service ?? one.resource, plural(one.alerts_total, "alert")].filter(Boolean).join(" · ")} · <RelativeTime at={one.opened_at} /></span>
                </span>
                <SeverityMark severity={one.severity} />
              </label>
            ));
          }}
        </Loaded>
      </div>
    </div>
  );
}

interface FormProps {
  said: readonly string[];
  refused: string;
  act: string;
  ready: boolean;
  onClose: () => void;
  run: (reason: string) => Promise<unknown>;
  children?: ReactNode;
}

function Form({ said, refused, act, ready, onClose, run, children }: FormProps) {
  const [reason, setReason] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        setBusy(true);
        setError(null);
        run(reason.trim()).then(onClose, (failure: unknown) => setError(failure instanceof Error ? failure : new Error(String(failure)))).finally(() => setBusy(false));
      }}
    >
      {children}
      {refused !== "" ? <p className="failure" role="alert">{refused}.</p> : <Effects said={said} />}
      <TextInput label="Why, kept in the journal with your name" placeholder="optional" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {error && <ErrorState error={error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={busy || !ready || refused !== ""}>{act}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

export function Merge({ incident, opened, onClose }: { incident: Incident; opened: boolean; onClose: () => void }) {
  return <Modal opened={opened} onClose={onClose} title={`What else is about the same as ${incident.id}?`} size={620}>{opened && <MergeForm incident={incident} onClose={onClose} />}</Modal>;
}

function MergeForm({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const merge = useMerge();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Incident>>(new Map());
  const others = [...chosen.values()];
  const toggle = (one: Incident): void => {
    const next = new Map(chosen);
    if (!next.delete(one.id)) next.set(one.id, one);
    setChosen(next);
  };
  return (
    <Form
      said={mergePreview(incident, others)} refused="" ready={others.length > 0} act={others.length > 1 ? `Merge ${String(others.length)} into ${incident.id}` : `Merge into ${incident.id}`} onClose={onClose}
      run={(reason) => merge.mutateAsync({ id: incident.id, incidents: [...chosen.keys()], ...(reason ? { reason } : {}) })}
    >
      <Picker incident={incident} chosen={chosen} choose={toggle} many />
    </Form>
  );
}

const TITLES: Record<Regrouping, (n: string) => string> = {
  split: (n) => `Make an incident of its own of ${n}?`,
  move: (n) => `Where do ${n} belong?`,
  detach: (n) => `Take ${n} out?`,
};
const ACTS: Record<Regrouping, string> = { split: "Split off", move: "Move", detach: "Take out" };

interface RegroupProps {
  incident: Incident;
  alerts: readonly Alert[];
  how: Regrouping | null;
  onClose: () => void;
  done: () => void;
}

export function Regroup({ incident, alerts, how, onClose, done }: RegroupProps) {
  return (
    <Modal opened={how !== null} onClose={onClose} title={how ? TITLES[how](plural(alerts.length, "alert")) : ""} size={620}>
      {how && <RegroupForm incident={incident} alerts={alerts} how={how} onClose={onClose} done={done} />}
    </Modal>
  );
}

function RegroupForm({ incident, alerts, how, onClose, done }: RegroupProps & { how: Regrouping }) {
  const split = useSplit();
  const move = useMoveAlerts();
  const navigate = useNavigate();
  const [to, setTo] = useState<Incident | null>(null);
  const ids = alerts.map((alert) => alert.id);
  const run = async (reason: string): Promise<void> => {
    const why = reason ? { reason } : {};
    if (how === "split") {
      const made = await split.mutateAsync({ id: incident.id, alerts: ids, ...why });
      done();
      await navigate({ to: "/incidents/$id", params: { id: made.id } });
      return;
    }
    await move.mutateAsync({ id: incident.id, alerts: ids, to: how === "move" ? to?.id ?? null : null, ...why });
    done();
  };
  return (
    <Form said={regroupPreview(how, incident, alerts, to)} refused={refusal(how, incident, alerts)} ready={how !== "move" || to !== null} act={how === "move" && to ? `Move to ${to.id}` : ACTS[how]} onClose={onClose} run={run}>
      <ul className="t12 dim" style={{ maxHeight: 120, overflow: "auto" }} aria-label="Chosen alerts" tabIndex={0}>{alerts.map((alert) => <li key={alert.id} className="wrap">{alert.title}, {alert.resource}</li>)}</ul>
      {how === "move" && <Picker incident={incident} chosen={new Map(to ? [[to.id, to]] : [])} choose={setTo} many={false} />}
    </Form>
  );
}
