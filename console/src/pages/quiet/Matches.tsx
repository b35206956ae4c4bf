/** Which of the alerts that fire now something is about: as a number in a table, or one by one in a panel. */
import { Link } from "@tanstack/react-router";

import { useMatching } from "../../data/quiet";
import type { Matching, WrittenMatcher } from "../../data/types";
import { count, plural } from "../../parts/format";
import { SeverityShape } from "../../parts/marks";

const SHOWN = 8;

export function MatchCount({ matchers, namespace }: { matchers: readonly WrittenMatcher[]; namespace: string }) {
  const { data, error } = useMatching(matchers, namespace);
  if (error) return <span className="dim3" title={error.message}>unknown</span>;
  if (!data) return <span className="dim3">counting</span>;
  return data.matching === 0 ? <span className="dim3">none</span> : <b className="med">{count(data.matching)}</b>;
}

/** The number, and the first of them. */
export function Matches({ found }: { found: Matching }) {
  const left = found.matching - Math.min(SHOWN, found.alerts.length);
  return (
    <div className="stack" style={{ gap: 2 }}>
      <p className={found.matching === 0 ? "dim" : "med"}>
        {found.matching === 0 ? "No alert that fires now" : plural(found.matching, "alert that fires now", "alerts that fire now")}
        <span className="dim3"> of {count(found.looked_at)}</span>
      </p>
      <ul>
        {found.alerts.slice(0, SHOWN).map((alert) => (
          <li key={alert.id} className="row" style={{ minHeight: 24 }}>
            <SeverityShape severity={alert.severity} small />
            <Link className="cut" to="/alerts/$id" params={{ id: alert.id }}>{alert.title}</Link>
            <span className="end dim3 t12 cut">{alert.resource}</span>
          </li>
        ))}
      </ul>
      {left > 0 && <p className="dim3 t12">and {count(left)} more</p>}
    </div>
  );
}

/** Follows the matchers, also while they are being written. */
export function MatchPreview({ matchers, namespace, complete = true }: { matchers: readonly WrittenMatcher[]; namespace: string; complete?: boolean }) {
  const { data, error } = useMatching(matchers, namespace, { complete, live: true });
  if (!complete) return <p className="dim3">Fill the matchers in to see what they are about.</p>;
  if (error) return <p className="dim wrap">{error.message}</p>;
  return data ? <Matches found={data} /> : <p className="dim3">Looking at what fires.</p>;
}
