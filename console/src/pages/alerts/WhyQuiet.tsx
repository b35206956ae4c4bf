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
  if (alert.quiet.length === 0) return null;
  return (
    <div className="panel-section stack" style={{ gap: 8 }}>
      <h2 className="heading">Why it is quiet</h2>
      {alert.quiet.map((quiet) => {
        const { text, then } = reasonText(quiet);
        return (
          <div key={`${quiet.reason}-${quiet.by}`} className="stack" style={{ gap: 2 }}>
            <div className="row wrapping">
              <ReasonChip code={quiet.reason} />
              <span className="med">{text}</span>
              {quiet.until
                ? <span>until <time dateTime={quiet.until} title={exact(quiet.until)}>{moment(quiet.until, now)}</time> <span className="dim3">(<RelativeTime at={quiet.until} />)</span></span>
                : <span>{quiet.reason === "inhibited" ? "until that one ends" : "with no end set"}</span>}
              {quiet.reason === "snoozed" && may("alert:snooze", alert.namespace) && (
                <button type="button" className="btn small end" disabled={command.isPending} onClick={() => command.mutate({ id: alert.id, verb: "unsnooze" })}>Unsnooze</button>
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

/** What gave the reason, where it has a place of its own. */
function By({ quiet }: { quiet: Quiet }) {
  switch (quiet.reason) {
    case "silenced": return <><Link className="link" to="/quiet/$tab" params={{ tab: "silences" }} search={{ show: quiet.by }}>The silence</Link>, </>;
    case "maintenance": return <><Link className="link" to="/quiet/$tab" params={{ tab: "windows" }} search={{ show: quiet.by }}>{quiet.by}</Link>, </>;
    case "inhibited": return <><Link className="link" to="/alerts/$id" params={{ id: quiet.by }}>That alert</Link>, </>;
    case "transient_wait": return <>As <PolicyLink policy={quiet.by} /> says, </>;
    default: return null;
  }
}
