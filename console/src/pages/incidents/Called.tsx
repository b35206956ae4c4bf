/** Who is called for an incident: how far its escalations are, who is next and when; calling more people, and being called again. */
import { Modal, Select } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useEscalate, useEscalationsOf, useGiveBack, useReaching, useUnsnoozeIncident } from "../../data/calling";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Alert, Escalation, Incident } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { duration, exact, moment, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { StateMark } from "../../parts/marks";
import { ErrorState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { addressees, byHand, byPolicy, countdown, levelsOf, live, nextByHand, policyName, reached, roundOf, targetsOf, turnOf, whatThen, whereItIs } from "./called";
import { nobody } from "./nobody";
import { REASONS } from "./told";

/** Ended escalations that are shown; the timeline has all. */
const SHOWN_ENDED = 3;

export function Called({ incident }: { incident: Incident }) {
  const query = useEscalationsOf(incident.id);
  const may = useMay();
  const now = useNow();
  const unsnooze = useUnsnoozeIncident();
  const [asking, setAsking] = useState(false);
  const open = incident.state === "open" || incident.state === "acknowledged";
  const all = query.data ?? [];
  if (!open && all.length === 0) return null;
  const going = all.filter(live);
  const snoozed = open && incident.snoozed_until !== null && Date.parse(incident.snoozed_until) > now ? incident.snoozed_until : null;
  return (
    <Card
      id="called" title="Who is called" scope={going.length > 1 ? `by ${String(going.length)} policies` : undefined}
      end={open && may("incident:acknowledge", incident.namespace) && <button type="button" className="btn small" onClick={() => setAsking(true)}><Icon name="user" size="m" />Escalate</button>}
    >
      <Loaded query={query} what="who is called">
        {() => (
          <>
            {snoozed && <p className="moving-row"><span className="row wrapping"><Icon name="clock" /><span>Snoozed until <Instant at={snoozed} now={now} />: nobody is told of what fired when it was.</span></span>{may("alert:snooze", incident.namespace) && <button type="button" className="btn small end" disabled={unsnooze.isPending} onClick={() => unsnooze.mutate(incident.id)}>Unsnooze</button>}</p>}
            {unsnooze.error && <ErrorState error={unsnooze.error} />}
            {open && <Nobody incident={incident} all={all} now={now} />}
            {going.length === 0 && open && <p className="moving-row t12 dim3">No escalation policy is under way. A Team or a Service names one with “escalation”; who was told stands under “Who was told”.</p>}
            {going.map((one) => <Going key={one.id} one={one} incident={incident} now={now} />)}
            {all.filter((one) => !live(one)).slice(0, SHOWN_ENDED).map((one) => (
              <div key={one.id} className="moving-row">
                <span className="row wrapping"><StateMark state="closed" text={byPolicy(one) ? policyName(one) : one.policy} /><span className="t12 dim3 wrap">{whereItIs(one, incident, nameOf)}</span><span className="end dim3 nowrap t12"><RelativeTime at={one.updated_at} suffix=" ago" /></span></span>
              </div>
            ))}
          </>
        )}
      </Loaded>
      <Modal opened={asking} onClose={() => setAsking(false)} title={`Call more people for ${incident.id}`} size={480}>
        {asking && <Loaded query={query} what="who is called">{(known) => <Escalate incident={incident} all={known} onClose={() => setAsking(false)} />}</Loaded>}
      </Modal>
    </Card>
  );
}

/** In one sentence, why nobody is told, or nobody else. */
function Nobody({ incident, all, now }: { incident: Incident; all: readonly Escalation[]; now: number }) {
  const alerts = useDetail<Page<Alert>>("incidents", incident.id, "alerts");
  if (!alerts.data) return null;
  const said = nobody(incident, alerts.data.items, all, now);
  return said === null ? null : <p className="moving-row"><span className="row" style={{ alignItems: "flex-start" }}><span className="dim3" style={{ paddingTop: 2 }}><Icon name={said.startsWith("Nobody") || incident.told.length === 0 ? "quiet" : "mail"} /></span><span className="med wrap">{said}</span></span></p>;
}

function Instant({ at, now }: { at: string; now: number }) {
  return <time dateTime={at} title={exact(at)} className="nowrap"><b className="med">{moment(at, now)}</b></time>;
}

const MARKS: Record<Escalation["state"], { state: string; text: string }> = {
  running: { state: "running", text: "Calling" },
  held: { state: "quiet", text: "Held" },
  acknowledged: { state: "acknowledged", text: "Stopped" },
  exhausted: { state: "failed", text: "Exhausted" },
  ended: { state: "closed", text: "Ended" },
};

function Going({ one, incident, now }: { one: Escalation; incident: Incident; now: number }) {
  const then = whatThen(one);
  const round = roundOf(one);
  const why = REASONS[one.why];
  const [, generation] = one.policy.split("@");
  return (
    <div className="called">
      <div className="row wrapping">
        <StateMark {...MARKS[one.state]} />
        {byPolicy(one) ? <span>by <Link className="link med" to="/on-call/$namespace/$name" params={{ namespace: one.namespace, name: policyName(one) }}>{policyName(one)}</Link>{generation && <span className="dim3"> gen {generation}</span>}</span> : <span>without a policy</span>}
        {round && <span className="tag">{round}</span>}
        <span className="end dim3 t12 nowrap" {...(why ? { title: sentence(why) } : {})}>since <RelativeTime at={one.begun_at} /></span>
      </div>
      {one.state === "exhausted"
        ? (
          <div className="notice critical" role="alert">
            <Icon name="incident" />
            <div className="stack" style={{ gap: 2 }}>
              <strong>{whereItIs(one, incident, nameOf)}</strong>
              <span>Nobody is called any more by itself. Acknowledge it, or escalate to someone else.</span>
            </div>
          </div>
        )
        : <p className="wrap">{whereItIs(one, incident, nameOf)}.{one.state === "acknowledged" && one.acknowledge_timeout_s === null && <span className="dim"> It does not begin again by itself.</span>}</p>}
      {then !== null && one.next_at !== null && (
        <p className="next-call">
          <b className="left" aria-hidden="true">{countdown(one.next_at, now)}</b>
          <span className="wrap">{then} at <Instant at={one.next_at} now={now} /></span>
        </p>
      )}
      {byPolicy(one) && <Ladder one={one} />}
    </div>
  );
}

const TURNS = { told: { icon: "check", word: "told" }, turn: { icon: "running", word: "told last" }, later: { icon: "resolved", word: "not yet" } } as const;

function Ladder({ one }: { one: Escalation }) {
  return (
    <ol className="ladder" aria-label={`Levels of ${policyName(one)}`}>
      {levelsOf(one).map((level, index) => {
        const turn = turnOf(one, index);
        return (
          // Levels of one escalation never change places.
          <li key={index} className={turn}>
            <Icon name={TURNS[turn].icon} size="s" />
            <span className="dim3">{index + 1}</span>
            <span className="mono wrap">{level.tell.join(", ")}</span>
            <span className="end dim3 nowrap">{TURNS[turn].word}{level.wait_s !== null && `, waits ${duration(level.wait_s * 1000)}`}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** Targets beside the priority: how long is left, or that they were missed. */
export function Targets({ incident }: { incident: Incident }) {
  const now = useNow();
  return targetsOf(incident).map((target) => (
    <span key={target.text} className={target.missed ? "failure med" : "nowrap"} {...(target.at ? { title: exact(target.at) } : {})}>
      {target.missed ? sentence(target.text) : <>{sentence(target.text)} in <b className="med">{countdown(target.at ?? "", now)}</b></>}
    </span>
  ));
}

function Escalate({ incident, all, onClose }: { incident: Incident; all: readonly Escalation[]; onClose: () => void }) {
  const escalate = useEscalate();
  const reaching = useReaching(incident.namespace);
  const further = nextByHand(incident, all);
  const [asked, setWay] = useState<"next" | "chosen">("next");
  const way = further ? asked : "chosen";
  const [to, setTo] = useState<string | null>(null);
  const groups = reaching.data ? addressees(reaching.data) : [];
  const effect = way === "next" && further ? byHand(further) : to !== null && reaching.data ? reached(to, reaching.data, incident) : null;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        escalate.mutate({ id: incident.id, to: way === "next" ? null : to }, { onSuccess: onClose });
      }}
    >
      {further
        ? (
          <span className="segments" role="group" aria-label="Whom to call">
            <button type="button" aria-pressed={way === "next"} onClick={() => setWay("next")}>The next level</button>
            <button type="button" aria-pressed={way === "chosen"} onClick={() => setWay("chosen")}>Someone else</button>
          </span>
        )
        : <p className="dim">No escalation has a further level; choose whom to call.</p>}
      {way === "chosen" && (groups.length > 0 || !reaching.data
        ? <Select label="Person, team, channel or policy" placeholder="Choose" searchable data={groups} value={to} onChange={setTo} data-autofocus comboboxProps={{ withinPortal: true }} />
        : <p>Nobody can be reached in {incident.namespace}: it has no person, team, channel or escalation policy.</p>)}
      {reaching.error && <ErrorState error={reaching.error} retry={() => void reaching.refetch()} />}
      {effect !== null && (
        <div className="aside" aria-live="polite">
          <p>{effect}</p>
          <p className="dim t12">{incident.state === "acknowledged" ? `It stays acknowledged by ${nameOf(incident.acknowledged_by)}.` : "They are told with the reason that someone had them called. It cannot be taken back."}</p>
        </div>
      )}
      {escalate.error && <ErrorState error={escalate.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={effect === null || escalate.isPending}>Call them now</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

/** Saying that nobody works on it any more. */
export function GiveBack({ incident }: { incident: Incident }) {
  const back = useGiveBack();
  const query = useEscalationsOf(incident.id);
  const [asking, setAsking] = useState(false);
  const again = (query.data ?? []).filter((one) => one.state === "acknowledged");
  return (
    <>
      <button type="button" className="btn" disabled={query.data === undefined} onClick={() => setAsking(true)}><Icon name="back" size="m" />Give back</button>
      <Ask
        opened={asking} onClose={() => setAsking(false)} title="Give this incident back?" act="Give back"
        field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }}
        effect={again.length === 0 ? "It is open again. No escalation goes on by itself: call someone with Escalate." : `It is open again, and its escalation begins anew: ${again.map((one) => `${levelsOf(one)[0]?.tell.join(", ") ?? one.policy} (level 1 of ${byPolicy(one) ? policyName(one) : one.policy})`).join("; ")} is told at once, unless all that fires is quiet.`}
        run={(reason) => back.mutateAsync({ id: incident.id, reason })}
      />
    </>
  );
}
