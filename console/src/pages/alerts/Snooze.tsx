/** Snoozing: nobody is told of an alert, or of several, until then. */
import { Menu, Modal, TextInput } from "@mantine/core";
import { useState } from "react";

import { useSnooze } from "../../data/commands";
import type { Alert } from "../../data/types";
import { moment } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";
import { localMinute, nextMorning } from "./history";

const HOUR_MS = 3_600_000;

export function Snooze({ alert }: { alert: Alert }) {
  const snooze = useSnooze();
  const snoozed = alert.quiet.some((quiet) => quiet.reason === "snoozed");
  return (
    <SnoozeMenu
      label={snoozed ? "Snooze anew" : "Snooze"} title="Snooze this alert" busy={snooze.isPending}
      effect="If it still fires then, whoever was told before is told again. It can be taken back."
      run={(until, reason) => snooze.mutateAsync({ id: alert.id, until, ...(reason ? { reason } : {}) })}
    />
  );
}

interface Props {
  label: string;
  title: string;
  effect: string;
  busy: boolean;
  run: (until: string, reason: string) => Promise<unknown>;
}

/** A few usual lengths at a click; any other instant, with a reason, by a form. */
export function SnoozeMenu({ label, title, effect, busy, run }: Props) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const until = (at: Date): void => {
    setError(null);
    run(at.toISOString(), "").catch((failure: unknown) => setError(failure instanceof Error ? failure : new Error(String(failure))));
  };
  return (
    <>
      <Menu position="bottom-start" width={240} withInitialFocusPlaceholder={false}>
        <Menu.Target><button type="button" className="btn" disabled={busy}><Icon name="clock" size="m" />{label}<Icon name="down" size="s" /></button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => until(new Date(Date.now() + HOUR_MS))}>For 1 hour</Menu.Item>
          <Menu.Item onClick={() => until(new Date(Date.now() + 4 * HOUR_MS))}>For 4 hours</Menu.Item>
          <Menu.Item onClick={() => until(nextMorning(new Date()))}>Until tomorrow 08:00</Menu.Item>
          <Menu.Item onClick={() => setAsking(true)}>Until another time …</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {error && !asking && <div style={{ flexBasis: "100%" }}><ErrorState error={error} /></div>}
      <Modal opened={asking} onClose={() => setAsking(false)} title={title} size={440}>
        {asking && <Form effect={effect} busy={busy} run={run} onClose={() => setAsking(false)} />}
      </Modal>
    </>
  );
}

function Form({ effect, busy, run, onClose }: Pick<Props, "effect" | "busy" | "run"> & { onClose: () => void }) {
  const [at, setAt] = useState(() => localMinute(nextMorning(new Date())));
  const [reason, setReason] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [opened] = useState(Date.now);
  const until = new Date(at);
  const valid = until.getTime() > opened;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        run(until.toISOString(), reason.trim()).then(onClose, (failure: unknown) => setError(failure instanceof Error ? failure : new Error(String(failure))));
      }}
    >
      <p className="dim">{effect}</p>
      <TextInput
        label="Until" type="datetime-local" required withAsterisk={false} data-autofocus value={at} onChange={(event) => setAt(event.currentTarget.value)}
        error={at !== "" && !valid ? "This is over already" : undefined}
      />
      <TextInput label="Why, kept in the journal with your name" placeholder="optional" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {error && <ErrorState error={error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!valid || busy}>{valid ? `Snooze until ${moment(until.toISOString(), opened)}` : "Snooze"}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
