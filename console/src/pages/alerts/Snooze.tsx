/** Snoozing: nobody is told of this one alert until then. */
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
  const [asking, setAsking] = useState(false);
  const snoozed = alert.quiet.some((quiet) => quiet.reason === "snoozed");
  const until = (at: Date): void => snooze.mutate({ id: alert.id, until: at.toISOString() });
  return (
    <>
      <Menu position="bottom-start" width={240} withInitialFocusPlaceholder={false}>
        <Menu.Target><button type="button" className="btn" disabled={snooze.isPending}><Icon name="clock" size="m" />{snoozed ? "Snooze anew" : "Snooze"}<Icon name="down" size="s" /></button></Menu.Target>
        <Menu.Dropdown>
                    <Menu.Item onClick={() => until(new Date(Date.now() + HOUR_MS))}>For 1 hour</Menu.Item>
          <Menu.Item onClick={() => until(new Date(Date.now() + 4 * HOUR_MS))}>For 4 hours</Menu.Item>
          <Menu.Item onClick={() => until(nextMorning(new Date()))}>Until tomorrow 08:00</Menu.Item>
          <Menu.Item onClick={() => setAsking(true)}>Until another time …</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {snooze.error && !asking && <div style={{ flexBasis: "100%" }}><ErrorState error={snooze.error} /></div>}
      <Modal opened={asking} onClose={() => setAsking(false)} title="Snooze this alert" size={440}>
        {asking && <Form alert={alert} snooze={snooze} onClose={() => setAsking(false)} />}
      </Modal>
    </>
  );
}

function Form({ alert, snooze, onClose }: { alert: Alert; snooze: ReturnType<typeof useSnooze>; onClose: () => void }) {
  const [at, setAt] = useState(() => localMinute(nextMorning(new Date())));
  const [reason, setReason] = useState("");
  const [opened] = useState(Date.now);
  const until = new Date(at);
  const valid = until.getTime() > opened;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        snooze.mutate({ id: alert.id, until: until.toISOString(), reason: reason.trim() }, { onSuccess: onClose });
      }}
    >
      <p className="dim">If it still fires then, whoever was told before is told again. It can be taken back.</p>
      <TextInput
        label="Until" type="datetime-local" required withAsterisk={false} data-autofocus value={at} onChange={(event) => setAt(event.currentTarget.value)}
        error={at !== "" && !valid ? "This is over already" : undefined}
      />
      <TextInput label="Why, kept in the journal with your name" placeholder="optional" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {snooze.error && <ErrorState error={snooze.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!valid || snooze.isPending}>{valid ? `Snooze until ${moment(until.toISOString(), opened)}` : "Snooze"}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
