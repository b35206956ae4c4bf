/** Why an alert calls nobody: each reason in words, who or what gave it, until when, and what comes then. */
import { Link } from "@tanstack/react-router";

import { useAlertCommand } from "../../data/commands";
import { useMay } from "../../data/me";
import type { Alert, Quiet } from "../../data/types";
import { exact, moment } from "../../parts/format";
import { ReasonChip } from "../../parts/marks";
import { RelativeTime, useNow } from "../../parts/time";
import { PolicyLink } from "../../parts/PolicyLink";
import { reasonText } from "../quiet/view";

export function WhyQuiet({ alert }: { alert: Alert }) {
  const command = useAlertCommand();
  const may = useMay();
  const now = useNow();
  if (alert.quiet.length === 0) {
    if (alert.state !== "firing" || alert.severity !== "info") return null;
    return <div className="panel-section"><p className="dim">It calls nobody: alerts of severity info never do.</p></div>;
  }
  const earliest = earliestEnd(alert.quiet);
  return (
    <div className="panel-section stack" style={{ gap: 8 }}>
      <h2 className="heading">Why it is quiet</h2>
      {alert.quiet.length > 1 && <p className="med">Nobody is told {earliest === null ? "until the last of these has ended" : <>before <time dateTime={earliest} title={exact(earliest)}>{moment(earliest, now)}</time>, when the last of these ends</>}.</p>}
      {alert.quiet.map((quiet) => {
        const { text, then } = reasonText(quiet);
        return (
          <div key={`${quiet.reason}-${quiet.by}`} className="stack" style={{ gap: 2 }}>
            <div className="row wrapping">
              <ReasonChip code={quiet.reason} />
              <span className="med">{text}</span>
              {quiet.until
                ? <span>until <time dateTime={quiet.until} title={exact(quiet.until)}>{moment(quiet.until, now)}</time> <span className="dim3">(<RelativeTime at={quiet.until} />)</span></span>
                : <span>{byAlert(quiet) ? "until that one ends" : quiet.reason === "expected_by_change" ? "until that is over" : quiet.reason === "throttled" ? "until there is room" : quiet.reason === "suppressed" ? "as long as that policy matches it" : "with no end set"}</span>}
              {quiet.reason === "snoozed" && may("alert:snooze", alert.namespace) && (
                <button type="button" className="btn small end" disabled={command.isPending} onClick={() => command.mutate({ id: alert.id, verb: "unsnooze" })}>Unsnooze</button>
              )}
              {quiet.reason === "duplicate" && may("alert:snooze", alert.namespace) && (
                <button type="button" className="btn small end" disabled={command.isPending} onClick={() => command.mutate({ id: alert.id, verb: "distinct" })}>No duplicate</button>
              )}
            </div>
            <p className="t12 dim wrap">
              {quiet.detail !== "" && <>{quiet.detail}. </>}
              <By quiet={quiet} />
              <span className="dim3">since <RelativeTime at={quiet.since} suffix=" ago" />; {then}.</span>
            </p>
          </div>
        );
      })}
    </div>
  );
}

/** When the last of the reasons ends; null where that is not known of each. */
function earliestEnd(reasons: readonly Quiet[]): string | null {
  const ends = reasons.map((quiet) => quiet.until);
  return ends.includes(null) ? null : ends.toSorted().at(-1) ?? null;
}

/** Whether another alert gave the reason. */
function byAlert(quiet: Quiet): boolean {
  return quiet.reason === "inhibited" || quiet.reason === "downstream_of" || quiet.reason === "duplicate";
}

/** What gave the reason, where it has a place of its own. */
function By({ quiet }: { quiet: Quiet }) {
  switch (quiet.reason) {
    case "silenced": return <><Link className="link" to="/quiet/$tab" params={{ tab: "silences" }} search={{ show: quiet.by }}>The silence</Link>, </>;
    case "maintenance": return <><Link className="link" to="/quiet/$tab" params={{ tab: "windows" }} search={{ show: quiet.by }}>{quiet.by}</Link>, </>;
    case "inhibited":
    case "downstream_of":
    case "duplicate": return <><Link className="link" to="/alerts/$id" params={{ id: quiet.by }}>That alert</Link>, </>;
    case "expected_by_change": return <><Link className="link" to="/changes/reported/$id" params={{ id: quiet.by }}>The change</Link>, </>;
    case "throttled": return <>As <PolicyLink policy={quiet.by.split("|")[0] ?? quiet.by} /> says, </>;
    case "suppressed":
    case "transient_wait": return <>As <PolicyLink policy={quiet.by} /> says, </>;
    default: return null;
  }
}
