/** One change: what, where, who, when, what it was expected to cause, and what followed. */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import { useFinishChange } from "../../data/change-records";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { ChangeRecord, Fact, Incident } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Pairs } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { duration, exact, moment, sentence } from "../../parts/format";
import { PriorityTag, StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { useFilters } from "../../shell/filters";
import { MatchPreview } from "../quiet/Matches";
import { matchersText } from "../quiet/view";
import { lengthText } from "./view";

const OUTCOMES = {
  succeeded: { act: "It succeeded", title: "The change is over, and succeeded" },
  failed: { act: "It failed", title: "The change is over, and failed" },
  cancelled: { act: "It was called off", title: "The change was called off" },
} as const;
type Outcome = keyof typeof OUTCOMES;

/** Incidents that are shown at first, the newest. */
const FIRST = 10;

export default function RecordPanel() {
  const { id = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useDetail<ChangeRecord>("change-records", id);
  const close = useCallback(() => void navigate({ to: "/changes/reported", search: { ...filters, full: undefined } }), [navigate, filters]);
  return (
    <SidePanel label="Change" onClose={close} title={<span className="row"><span className="mono">{id}</span>{query.data && <StateMark state={query.data.state} />}</span>}>
      <Loaded query={query} what="the change">{(change) => <Body change={change} />}</Loaded>
    </SidePanel>
  );
}

function Body({ change }: { change: ChangeRecord }) {
  const finish = useFinishChange();
  const may = useMay();
  const now = useNow();
  const [asking, setAsking] = useState<Outcome | null>(null);
  const facts = useDetail<Page<Fact>>("change-records", change.id, "timeline", { query: { limit: 200 } });
  const open = change.state === "running" || change.state === "lapsed";
  const quiet = change.expects.length > 0;
  return (
    <>
      <div className="panel-section stack">
        <div>
          <h1 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{change.title}</h1>
          <p className="dim">{sentence(lengthText(change, now))}{change.state === "lapsed" && ": nobody said how it ended"}</p>
        </div>
        {open && may("change_record:write", change.namespace) && (
          <div className="row wrapping">
            {(Object.keys(OUTCOMES) as Outcome[]).map((outcome, index) => (
              <button key={outcome} type="button" className={index === 0 ? "btn primary" : "btn"} onClick={() => setAsking(outcome)}>{OUTCOMES[outcome].act}</button>
            ))}
          </div>
        )}
      </div>
      <div className="panel-section">
        <Pairs
          entries={[
            ["Kind", sentence(change.kind)],
            ["Who", nameOf(change.by)],
            ["Reported by", change.source === change.by || change.source.startsWith("change:") ? null : <span key="o" className="mono wrap">{nameOf(change.source)}</span>],
            ["Services", change.services.length > 0 ? <Places key="s" change={change} kind="service" /> : null],
            ["Resources", change.resources.length > 0 ? <Places key="r" change={change} kind="resource" /> : null],
            ["Began", <span key="b"><time dateTime={change.started_at} title={exact(change.started_at)}>{moment(change.started_at, now)}</time> <span className="dim3"><RelativeTime at={change.started_at} suffix=" ago" /></span></span>],
            ["Ended", change.ended_at ? <span key="e"><time dateTime={change.ended_at} title={exact(change.ended_at)}>{moment(change.ended_at, now)}</time> <span className="dim3"><RelativeTime at={change.ended_at} suffix=" ago" /></span></span> : null],
            ["Carried out by", change.source.startsWith("change:") ? <ChangeLink key="x" id={change.source.slice(7)} /> : null],
            ["Key", change.key === change.id ? null : <span key="k" className="mono">{change.key}</span>],
            ["More", change.links.length > 0 ? <span key="l" className="stack" style={{ gap: 2 }}>{change.links.map((link) => <Out key={link.url} {...link} />)}</span> : null],
            ["Namespace", change.namespace],
          ]}
        />
      </div>
      {quiet && (
        <div className="panel-section stack" style={{ gap: 6 }}>
          <h2 className="heading">{change.expecting ? "Keeps quiet what it is expected to cause" : "Was expected to cause"}</h2>
          <p className="mono wrap">{matchersText(change.expects)}</p>
          {change.expecting
            ? <><p className="dim t12">Until it is over and {duration(change.grace_s * 1000)} have passed. If it still fires then, people are told then.</p><MatchPreview matchers={change.expects} namespace={change.namespace} /></>
            : <p className="dim t12">That is heard again.</p>}
        </div>
      )}
      <Followed change={change} />
      <h2 className="heading panel-title">Timeline</h2>
      <Loaded query={facts} what="the timeline">{(page) => <Timeline facts={page.items} />}</Loaded>
      <Ask
        opened={asking !== null} onClose={() => setAsking(null)} title={asking ? OUTCOMES[asking].title : ""} act={asking ? OUTCOMES[asking].act : ""}
        effect={quiet ? `What it was expected to cause is heard again in ${duration(change.grace_s * 1000)}. It cannot be taken back.` : "Incidents that begin within the hour still name it. It cannot be taken back."}
        run={() => (asking ? finish.mutateAsync({ id: change.id, outcome: asking }) : Promise.resolve())}
      />
    </>
  );
}

function Places({ change, kind }: { change: ChangeRecord; kind: "service" | "resource" }) {
  const names = kind === "service" ? change.services : change.resources;
  return (
    <span className="row wrapping" style={{ gap: "2px 8px" }}>
      {names.map((name) => <Link key={name} className="link" to="/services/$namespace/$id" params={{ namespace: change.namespace, id: `${kind}:${name}` }}>{name}</Link>)}
    </span>
  );
}

/** Links from events lead anywhere: only web addresses are followed, without telling where from. */
function Out({ url, title }: { url: string; title?: string }) {
  if (!/^https?:\/\//i.test(url)) return <span className="dim wrap">{url}</span>;
  return <a className="link wrap" href={url} target="_blank" rel="noopener noreferrer">{title || url}</a>;
}

function Followed({ change }: { change: ChangeRecord }) {
  const [all, setAll] = useState(false);
  const newest = change.incidents.toReversed();
  const shown = all ? newest : newest.slice(0, FIRST);
  return (
    <div className="panel-section stack" style={{ gap: 4 }}>
      <h2 className="heading">Incidents that followed</h2>
      {newest.length === 0 && <p className="dim">None began where it was made, or behind that, soon after.</p>}
      {shown.map((id) => <Follower key={id} id={id} />)}
      {newest.length > shown.length && <div><button type="button" className="btn small" onClick={() => setAll(true)}>Show {newest.length - shown.length} more</button></div>}
    </div>
  );
}

function Follower({ id }: { id: string }) {
  const { data } = useDetail<Incident>("incidents", id);
  return (
    <div className="row" style={{ minHeight: 28 }}>
      {data && <PriorityTag priority={data.priority} />}
      <Link className="link mono keep" to="/incidents/$id" params={{ id }}>{id}</Link>
      <span className="cut grow">{data?.title ?? ""}</span>
      {data && <StateMark state={data.state} />}
      {data && <span className="dim3 t12 nowrap"><RelativeTime at={data.opened_at} /></span>}
    </div>
  );
}
