/** One event: when, from where, and the CloudEvent as it is stored. */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useCallback } from "react";

import { useDetail } from "../../data/lists";
import { nameOf } from "../../data/me";
import type { JournalEvent } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { CopyButton, Json } from "../../parts/Code";
import { bytes, duration } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { isSeverity, SeverityMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { exact } from "../../parts/format";
import { useFilters } from "../../shell/filters";

export default function EventPanel() {
  const { position = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useDetail<JournalEvent>("events", position);
  const close = useCallback(() => void navigate({ to: "/events", search: { ...filters, full: undefined } }), [navigate, filters]);
  return (
    <SidePanel label="Event" onClose={close} title={<span className="row">{isSeverity(query.data?.event.severity) && <SeverityMark severity={query.data.event.severity} />}<span className="mono dim3">{position}</span></span>}>
      <Loaded query={query} what="the event">{(event) => <Body row={event} />}</Loaded>
    </SidePanel>
  );
}

function Body({ row }: { row: JournalEvent }) {
  const title = typeof row.event.title === "string" ? row.event.title : "";
  return (
    <>
      <div className="panel-section stack">
        <div>
          <h1 className="wrap" style={{ font: `600 var(--t-16) var(${title === "" ? "--font-mono" : "--font-sans"})` }}>{title || row.type}</h1>
          {title !== "" && <span className="mono dim3 t12 wrap">{row.type}</span>}
        </div>
        <div className="row wrapping">
          <Link className="btn primary" to="/events/$position/story" params={{ position: row.position }}><Icon name="policy" size="m" />What it caused</Link>
          {!row.derived && <Link className="btn" to="/policies/try" search={{ namespace: row.namespace, on: row.position }}>Try policies on it</Link>}
          <CopyButton text={JSON.stringify(row.event, null, 2)} label="Copy the event" />
        </div>
      </div>
      <div className="panel-section"><EventFacts row={row} /></div>
      <div className="panel-section stack" style={{ gap: 6 }}>
        <h2 className="heading">CloudEvent, {bytes(new Blob([JSON.stringify(row.event)]).size)}</h2>
        <Json value={row.event} label="The CloudEvent" />
      </div>
    </>
  );
}

export function EventFacts({ row }: { row: JournalEvent }) {
  const { event } = row;
  const delay = event.time ? Date.parse(row.recorded_at) - Date.parse(event.time) : Number.NaN;
  return (
    <Pairs
      entries={[
        ["Recorded", <span key="r" title={exact(row.recorded_at)}><RelativeTime at={row.recorded_at} suffix=" ago" />, {exact(row.recorded_at).split("\n")[0]}</span>],
        ["Event time", Number.isFinite(delay) ? <span key="t">{delay >= 0 ? `${duration(delay)} before it was recorded` : `${duration(-delay)} after it was recorded`}</span> : null],
        ["Kind", row.derived ? "derived by the engine" : row.rejected ? "received, and rejected by the engine" : "received"],
        ["Came through", row.origin],
        ["Actor", nameOf(row.actor)],
        ["Source", <span key="s" className="mono">{event.source}</span>],
        ["Resource", event.resource ? <Link key="e" className="link" to="/events" search={{ resource: event.resource }}>{event.resource}</Link> : null],
        ["Service", event.service],
        ["Namespace", row.namespace],
        ["Id", <span key="i" className="mono">{row.id}</span>],
      ]}
    />
  );
}
