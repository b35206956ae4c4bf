/** Why people were told of an alert, or were not: in sentences, when one asks. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useExplanation } from "../../data/policies";
import type { Alert } from "../../data/types";
import { Loaded } from "../../parts/states";

export function WhyTold({ alert }: { alert: Alert }) {
  const [open, setOpen] = useState(false);
  const query = useExplanation("alert", alert.id, open);
  return (
    <div className="panel-section">
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="heading">Why was I told, or not?</summary>
        {open && (
          <Loaded query={query} what="the reasons">
            {(found) => (
              <div className="stack" style={{ gap: 4, paddingTop: 6 }}>
                <p className="wrap">{found.summary}</p>
                <ul className="stack reasons" style={{ gap: 2 }} aria-label="Reasons">{found.reasons.map((reason, index) => <li key={`${String(index)} ${reason}`} className="dim wrap">{reason}</li>)}</ul>
                <p className="row wrapping">
                  {alert.incident && <Link className="btn small" to="/incidents/$id" params={{ id: alert.incident }} hash="told">Who was told of {alert.incident}</Link>}
                  <Link className="btn small" to="/events" search={{ namespace: alert.namespace, q: alert.event_id }}>Its event</Link>
                </p>
              </div>
            )}
          </Loaded>
        )}
      </details>
    </div>
  );
}
