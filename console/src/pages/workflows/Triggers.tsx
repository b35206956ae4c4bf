/** What starts a workflow besides people with the right to: its triggers, and who may ask for it. */
import { Link } from "@tanstack/react-router";

import { useShort } from "../../data/lists";
import { useMay } from "../../data/me";
import { useSchedules } from "../../data/schedules";
import type { Manifest, Run, ScheduleView } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { capital, exact, moment, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { StateMark } from "../../parts/marks";
import { RelativeTime, useNow } from "../../parts/time";
import { RUN_WORDS } from "../runs/view";
import { catchUpText, inZone, lastOf, offeredTo, scheduleText, triggersOf, trouble, written, type TriggerLine } from "./triggers";

export function Triggers({ workflow }: { workflow: Manifest }) {
  const { namespace, name } = workflow;
  const triggers = triggersOf(workflow);
  const sees = useMay()("run:read", namespace);
  const schedules = useSchedules(sees && triggers.some((one) => one.schedule !== null));
  const runs = useShort<Run>("runs", { type: name, namespace, limit: 100 }, { enabled: sees && triggers.some((one) => one.event !== null) });
  const offered = offeredTo(workflow);
  if (triggers.length === 0 && offered === "") return null;
  return (
    <Card title="What starts it" scope={triggers.length > 0 ? plural(triggers.length, "trigger") : undefined} id="triggers" end={triggers.some((one) => one.schedule !== null) && <Link to="/workflows" search={{ view: "schedules" }}>All schedules</Link>}>
      <ul aria-label="Triggers">
        {triggers.map((one) => (
          <li key={one.id} className="trigger stack">
            {one.schedule === null
              ? <OnEvent trigger={one} run={lastOf(runs.data?.items ?? [], one.id)} />
              : <OnSchedule trigger={one} row={schedules.data?.items.find((row) => row.id === `${namespace}/${name}/${one.id}`)} />}
          </li>
        ))}
        {offered !== "" && (
          <li className="trigger stack">
            <span className="row"><Icon name="form" size="m" /><Link className="med link" to="/self-service/$tab" params={{ tab: "offers" }} search={{ ask: `${namespace}/${name}` }}>Self-service</Link></span>
            <span className="dim wrap">Offered to {offered}</span>
          </li>
        )}
      </ul>
    </Card>
  );
}

function OnEvent({ trigger, run }: { trigger: TriggerLine; run: Run | undefined }) {
  return (
    <>
      <span className="row"><Icon name="event" size="m" /><b className="med mono">{trigger.id}</b><span className="dim3 end">each event</span></span>
      <span className="wrap">{trigger.event}</span>
      {run && <Pairs entries={[["Last run", <LastRun key="r" id={run.id} state={run.state} at={run.started_at ?? run.created_at} />]]} />}
    </>
  );
}

function OnSchedule({ trigger, row }: { trigger: TriggerLine; row: ScheduleView | undefined }) {
  const now = useNow();
  const spec = row?.spec ?? trigger.schedule;
  if (spec === null) return null;
  const zone = spec.zone ?? "UTC";
  const wrong = row ? trouble(row) : null;
  return (
    <>
      <span className="row"><Icon name="clock" size="m" /><b className="med mono">{trigger.id}</b><span className="dim3 end">{zone}</span></span>
      <span className="wrap">{capital(scheduleText(spec))} {scheduleText(spec) !== written(spec) && <span className="mono dim3">{written(spec)}</span>}</span>
      {wrong !== null && <div className="notice critical"><Icon name="incident" /><span className="wrap">{row?.planned_at && <>Due <time dateTime={row.planned_at} title={exact(row.planned_at)}>{moment(row.planned_at, now)}</time>: </>}{wrong}</span></div>}
      {row && (
        <>
          {row.next.length === 0 ? <p className="dim">It never comes again.</p> : (
            <ol aria-label={`When ${trigger.id} starts a run next`}>
              {row.next.map((at) => (
                <li key={at} className="row wrapping" style={{ minHeight: 24 }}>
                  <time dateTime={at} title={exact(at)}>{moment(at, now)}</time>
                  {inZone(at, zone) && <span className="dim3 t12">{inZone(at, zone)} there</span>}
                  <span className="end dim3"><RelativeTime at={at} /></span>
                </li>
              ))}
            </ol>
          )}
          <Pairs
            entries={[
              ["Last run", row.run && <LastRun key="r" id={row.run} at={row.planned_at} />],
              ["After an outage", catchUpText(spec)],
            ]}
          />
        </>
      )}
    </>
  );
}

function LastRun({ id, state, at }: { id: string; state?: Run["state"]; at: string | null | undefined }) {
  return (
    <Link to="/runs/$id" params={{ id }} className="row wrapping">
      {state ? <StateMark state={state} text={RUN_WORDS[state]} /> : <span className="mono link">{id}</span>}
      {at && <span className="dim3"><RelativeTime at={at} suffix=" ago" /></span>}
    </Link>
  );
}
