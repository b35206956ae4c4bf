/** A timeline from the journal, newest first: instant, icon, fact, then code and detail. */
import { Link } from "@tanstack/react-router";

import { withNames } from "../data/me";
import type { Fact } from "../data/types";
import { dayName } from "./format";
import { Icon } from "./Icon";
import { ReasonChip } from "./marks";
import { entryOf } from "./story";
import { Clock } from "./time";

export function Timeline({ facts, onlyKey = false }: { facts: readonly Fact[]; onlyKey?: boolean }) {
  const entries = facts
    .map((fact) => ({ fact, entry: entryOf(fact.event, fact.actor) }))
    .filter(({ entry }) => !onlyKey || entry.milestone || entry.said !== null);
  let day = "";
  return (
    <ol className="timeline">
      {entries.flatMap(({ fact, entry }) => {
        const name = dayName(fact.recorded_at);
        const head = name !== day && day !== "" ? [<li className="day" key={`day-${fact.position}`}>{name}</li>] : [];
        day = name;
        return [
          ...head,
          <li key={fact.position} className={entry.milestone ? "milestone" : undefined}>
            <Clock at={fact.recorded_at} />
            <span className="knot"><Icon name={entry.icon} /></span>
            <div className="what">
              <Link to="/events/$position" params={{ position: fact.position }} title={`${fact.type} at ${fact.position}`}>{entry.text}</Link>
              {entry.said !== null && <div className="said">{entry.said}</div>}
              {(entry.code !== null || entry.detail !== "") && (
                <div className="detail">
                  {entry.code !== null && <ReasonChip code={entry.code} not={entry.not} failed={entry.failed} />}
                  {entry.detail !== "" && <span className={entry.failed ? "failure" : undefined}>{withNames(entry.detail)}</span>}
                </div>
              )}
            </div>
          </li>,
        ];
      })}
    </ol>
  );
}
