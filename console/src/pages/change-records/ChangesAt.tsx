/** Changes where they matter: those that an incident names, and those of a place. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useDetail, useShort } from "../../data/lists";
import { nameOf } from "../../data/me";
import type { ChangeRecord, Incident, Place } from "../../data/types";
import { Card } from "../../parts/Card";
import { duration, plural, sentence } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { whereText } from "./view";

/** What was changed soon before the incident began, and may have to do with it; nothing where that is nothing. */
export function ChangedBefore({ incident }: { incident: Incident }) {
  if (incident.changes.length === 0) return null;
  return (
    <Card id="changed" title="Changed soon before" scope={plural(incident.changes.length, "change")}>
      {incident.changes.map((id) => <Named key={id} id={id} incident={incident} />)}
    </Card>
  );
}

function Named({ id, incident }: { id: string; incident: Incident }) {
  const { data } = useDetail<ChangeRecord>("change-records", id);
  if (!data) return <div className="moving-row"><span className="mono">{id}</span></div>;
  const before = Date.parse(incident.opened_at) - Date.parse(data.started_at);
  return <Row change={data} when={Math.abs(before) < 1000 ? "began as it opened" : before >= 0 ? `began ${duration(before)} before it opened` : `began ${duration(-before)} after it opened`} />;
}

/** What was changed here last. */
export function ChangesAt({ place }: { place: Pick<Place, "namespace" | "kind" | "name" | "aliases"> }) {
  const service = place.kind === "Service";
  const by = service ? { service: place.name } : { resource: place.name };
  const asked = service ? { service: place.name } : { resource: [place.name, ...place.aliases] };
  const changes = useShort<ChangeRecord>("change-records", { ...asked, namespace: place.namespace, limit: 5 });
  return (
    <Card id="changes" title="Changes" end={<Link to="/changes/reported" search={{ ...by, namespace: place.namespace }}>All of them</Link>}>
      <Loaded query={changes} what="changes">
        {(page) => (page.items.length === 0
          ? <EmptyState title="No change is on record" />
          : page.items.map((change) => <Row key={change.id} change={change} when={<RelativeTime at={change.started_at} suffix=" ago" />} followed />))}
      </Loaded>
    </Card>
  );
}

function Row({ change, when, followed = false }: { change: ChangeRecord; when: ReactNode; followed?: boolean }) {
  return (
    <Link to="/changes/reported/$id" params={{ id: change.id }} className="moving-row">
      <span className="row"><span className="mono keep">{change.id}</span><span className="med cut grow">{change.title}</span><StateMark state={change.state} /></span>
      <span className="t12 dim3 wrap">{sentence(change.kind)} by {nameOf(change.by)}, {when} · {whereText(change)}{followed && change.incidents.length > 0 && ` · followed by ${plural(change.incidents.length, "incident")}`}</span>
    </Link>
  );
}
