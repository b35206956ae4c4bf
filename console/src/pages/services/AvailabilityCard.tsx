/** How available the service was: the last 30 days, its outages, and what is left of its objective's budget. */
import { Link } from "@tanstack/react-router";

import { useAvailability } from "../../data/availability";
import type { Availability, Place } from "../../data/types";
import { Card } from "../../parts/Card";
import { duration, exact, moment, plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { EmptyState, Loaded } from "../../parts/states";
import { useNow } from "../../parts/time";
import { budgetText, burnText, dayState, dayText, percent } from "./availability";

/** Outages that are shown, the newest. */
const SHOWN = 3;

export function AvailabilityCard({ place }: { place: Pick<Place, "namespace" | "name"> }) {
  const query = useAvailability(place.namespace, place.name);
  return (
    <Card id="availability" title="Availability" scope="last 30 days" end={<HelpLink page="how-to/availability.md">what counts</HelpLink>}>
      <Loaded query={query} what="availability">{(found) => (found.availability === null ? <EmptyState title="Nothing is known yet" /> : <Body found={found} />)}</Loaded>
    </Card>
  );
}

function Body({ found }: { found: Availability }) {
  const now = useNow();
  const { budget } = found;
  const burn = budget ? burnText(budget) : "";
  return (
    <div className="card-body stack" style={{ gap: 10 }}>
      <div className="row wrapping">
        <b style={{ font: "600 var(--t-20) var(--font-sans)" }}>{percent(found.availability)}</b>
        <span className="dim3 t12">{found.outages === 0 ? "no outage" : `${plural(found.outages, "outage")}, down for ${duration(found.down_s * 1000)}`}{found.expected_s >= 1 && `, ${duration(found.expected_s * 1000)} more as expected`}</span>
        {found.down && <b className="failure med end">Down now</b>}
      </div>
      <ol className="days" aria-label="The last 30 days, the oldest first">
        {found.days.map((day) => <li key={day.date} className={dayState(day)} title={dayText(day)}><span className="sr">{dayText(day)}</span></li>)}
      </ol>
      {budget && (
        <div className="stack" style={{ gap: 4 }}>
          <span className="row t12"><span className="dim3">Objective {percent(budget.availability)}</span><span className={budget.left_s < 0 ? "failure med end" : "end"}>{budgetText(budget)}</span></span>
          <span className="meter" aria-hidden="true"><i style={{ width: `${String(Math.max(0, Math.min(100, budget.left_percent)))}%` }} /></span>
          {burn !== "" && <span className="failure t12">Now {burn}.</span>}
        </div>
      )}
      {found.latest.length > 0 && (
        <ul className="stack" style={{ gap: 2 }} aria-label="Outages">
          {found.latest.slice(0, SHOWN).map((outage) => (
            <li key={outage.began_at} className="row t12">
              <time dateTime={outage.began_at} title={exact(outage.began_at)} className="nowrap">{moment(outage.began_at, now)}</time>
              <span className="dim3 grow cut">{outage.ended_at ? `for ${duration(Date.parse(outage.ended_at) - Date.parse(outage.began_at))}` : `for ${duration(now - Date.parse(outage.began_at))} so far`}</span>
              <Began what={outage.began_with} />
            </li>
          ))}
        </ul>
      )}
      {(found.mttr_s !== null || found.mtta_s !== null) && (
        <p className="t12 dim3">{[found.mtta_s !== null && `taken up after ${duration(found.mtta_s * 1000)}`, found.mttr_s !== null && `over after ${duration(found.mttr_s * 1000)}`].filter(Boolean).join(", ")} on average</p>
      )}
    </div>
  );
}

/** What an outage began with: `alert/ID` or `incident/ID`. */
function Began({ what }: { what: string }) {
  const [kind, id = ""] = what.split("/");
  if (kind === "incident") return <Link className="link mono end" to="/incidents/$id" params={{ id }}>{id}</Link>;
  if (kind === "alert") return <Link className="link end" to="/alerts/$id" params={{ id }}>its alert</Link>;
  return null;
}
