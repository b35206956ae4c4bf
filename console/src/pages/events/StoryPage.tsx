/** An event's story: what it caused, and what it did not. */
import { useMediaQuery } from "@mantine/hooks";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState, type ReactNode } from "react";

import { useDetail } from "../../data/lists";
import type { JournalEvent, Story, StoryNode } from "../../data/types";
import { PolicyLink } from "../../parts/PolicyLink";
import { Card } from "../../parts/Card";
import { Json } from "../../parts/Code";
import { plural } from "../../parts/format";
import { isSeverity, ReasonChip, SeverityMark, SeverityShape } from "../../parts/marks";
import { EmptyState, Loaded, Loading } from "../../parts/states";
import { DataTable, PHONE, type Column } from "../../parts/DataTable";
import { EventFacts } from "./EventPanel";
import { about, didNot, failed, laneOf, merged, outline, summary } from "./view";

const Graph = lazy(() => import("./StoryGraph"));

export default function StoryPage() {
  const { position = "" } = useParams({ strict: false });
  const event = useDetail<JournalEvent>("events", position);
  const story = useDetail<Story>("events", position, "story");
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            {isSeverity(event.data?.event.severity) && <SeverityMark severity={event.data.event.severity} />}
            {event.data && <span className="mono">{event.data.type}</span>}
            {event.data?.event.resource && <span>{event.data.event.resource}</span>}
            <span className="mono dim3">{position}</span>
          </div>
          <h1>What this event caused, and what it did not</h1>
        </div>
        <div className="actions">
          {event.data && !event.data.derived && <Link className="btn" to="/policies/try" search={{ namespace: event.data.namespace, on: position }}>Try policies on it</Link>}
          <Link className="btn" to="/events/$position" params={{ position }}>Data</Link>
        </div>
      </div>
      <Loaded query={story} what="the story">
        {(found) => (
          <Told story={found}>
            <Card title="Event">
              <Loaded query={event} what="the event">
                {(row) => <div className="card-body stack"><EventFacts row={row} /><Json value={row.event} label="The CloudEvent" /></div>}
              </Loaded>
            </Card>
          </Told>
        )}
      </Loaded>
    </div>
  );
}

/** The graph takes the whole width, which it needs to be read; the event itself stands below, beside what did not happen. */
function Told({ story, children }: { story: Story; children: ReactNode }) {
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const one = useMemo(() => merged(story), [story]);
  const [chosen, setChosen] = useState<string | null>(null);
  const node = one.nodes.find((each) => each.id === chosen);
  const refused = one.nodes.filter(didNot);
  return (
    <>
      <Card title="Story" scope={summary(one)} className="clip" end={<span className="wide-only">dashed: did not happen</span>}>
        {one.nodes.length < 2
          ? <EmptyState title="It caused nothing"><p>No policy took it, and it neither raised nor cleared an alert: it is recorded, and quiet.</p></EmptyState>
          : phone ? <StoryOutline story={one} chosen={chosen} choose={setChosen} />
          : <Suspense fallback={<Loading what="the graph" />}><Graph story={one} chosen={chosen} choose={setChosen} /></Suspense>}
        {node && <NodeDetail node={node} />}
      </Card>
      <div className="columns">
        <div>
          <Card title="Why not" scope={`${plural(refused.length, "thing")} considered and refused`} className="clip">
            <DataTable label="What did not happen" rows={refused} columns={WHY_NOT} rowKey={(row) => row.id} empty={<EmptyState title="Nothing was refused" />} card={(row) => <div className="card-row"><span className="title">{row.title}</span><span className="row wrapping"><ReasonChip code={row.reason ?? "not"} not /><span className="dim3">{row.detail}</span></span></div>} />
          </Card>
        </div>
        <div>{children}</div>
      </div>
    </>
  );
}

/** On a phone, where a graph would be too small to read: the same things, each under its cause. */
function StoryOutline({ story, chosen, choose }: { story: Story; chosen: string | null; choose: (id: string) => void }) {
  const rows = useMemo(() => outline(story), [story]);
  return (
    <ol className="outline">
      {rows.map(({ node, depth }) => (
        <li key={node.id} style={{ paddingLeft: 12 + 16 * Math.min(depth, 5) }}>
          <button type="button" aria-pressed={node.id === chosen} className={didNot(node) ? "did-not" : failed(node) ? "failed" : ""} onClick={() => choose(node.id)}>
            <span className="row">{isSeverity(node.severity) && <SeverityShape severity={node.severity} small />}<span className="wrap med">{node.title}</span></span>
            <span className="t12 dim3 wrap">{[laneOf(node), about(node)].filter(Boolean).join(" · ")}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

const WHY_NOT: readonly Column<StoryNode>[] = [
  { id: "what", head: "Did not happen", width: "30%", cell: (row) => (row.about_kind === "policy" && row.about_id ? <PolicyLink policy={row.about_id} /> : <span className="med">{row.title}</span>) },
  { id: "reason", head: "Reason", width: "170px", cell: (row) => <ReasonChip code={row.reason ?? row.outcome ?? "not"} not /> },
  { id: "detail", head: "Clause and value", cell: (row) => <span className="dim3 t12" title={row.detail ?? ""}>{row.detail}</span> },
];

/** Where a node leads: the thing it is about, or its event. */
function NodeDetail({ node }: { node: StoryNode }) {
  const navigate = useNavigate();
  const places: Record<string, string> = { alert: "/alerts/", incident: "/incidents/", run: "/runs/", ticket: "/tickets/", policy: "/policies/", change: "/changes/", change_record: "/changes/reported/" };
  const place = node.about_kind ? places[node.about_kind] : undefined;
  const policy = node.about_kind === "decision" ? node.title.split("/") : [];
  return (
    <div className="row wrapping" style={{ padding: "8px 12px", borderTop: "1px solid var(--line-soft)" }} aria-live="polite">
      <b className="med">{node.title}</b>
      {node.reason && <ReasonChip code={node.reason} not={didNot(node)} failed={failed(node)} />}
      <span className={failed(node) ? "failure" : "dim3"}>{node.detail}</span>
      <span className="end row">
        {policy[0] && policy[1] && <Link className="btn small" to="/policies/$namespace/$name" params={{ namespace: policy[0], name: policy[1] }}>Open the policy</Link>}
        {place && node.about_id && <button type="button" className="btn small" onClick={() => void navigate({ to: `${place}${node.about_id ?? ""}` })}>Open the {node.about_kind}</button>}
        {node.position && <Link className="btn small" to="/events/$position" params={{ position: node.position }}>Open the event</Link>}
      </span>
    </div>
  );
}
