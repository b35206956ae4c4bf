/** One incident: what it is, what belongs to it, its timeline, and what to do about it. */
import { Textarea } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { useAssign, useComment, useIncidentCommand, type IncidentVerb } from "../../data/commands";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay, useMe, withNames } from "../../data/me";
import type { Fact, Incident, Run, Ticket } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { PriorityTag, SeverityMark, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { ChangedBefore } from "../change-records/ChangesAt";
import { NewProblem } from "../problems/NewProblem";
import { useStand } from "../runs/Stands";
import { NewTicket } from "../tickets/NewTicket";
import { Called, GiveBack, Targets } from "./Called";
import { EditIncident, KnownErrors, ReviewCard, SimilarCard } from "./Learned";
import { Members, Merged } from "./Members";
import { Merge } from "./Regroup";
import { SnoozeIncident } from "./SnoozeIncident";
import { Behind, ImpactCard } from "./Suspects";
import { Told } from "./Told";
import { actsOf, openFor, respondedAfter } from "./view";
import { Checklists, Responders, Tasks, Updates } from "./Work";

export default function IncidentPage() {
  const { id } = useParams({ strict: false });
  const query = useDetail<Incident>("incidents", id ?? "");
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the incident" /></div>;
  return <View incident={query.data} />;
}

const EFFECTS: Record<IncidentVerb, { title: string; effect: string; act: string; permission: string }> = {
  acknowledge: { title: "Acknowledge", effect: "", act: "Acknowledge", permission: "incident:acknowledge" },
  resolve: { title: "Resolve this incident?", effect: "It resolves the alerts in it that still fire. It can be opened again until it is closed.", act: "Resolve", permission: "incident:resolve" },
  reopen: { title: "Open it again?", effect: "It counts as open from now on, with its whole history.", act: "Reopen", permission: "incident:resolve" },
  close: { title: "Close this incident?", effect: "This ends it for good: a later alert opens another incident.", act: "Close", permission: "incident:close" },
};

function View({ incident }: { incident: Incident }) {
  const command = useIncidentCommand();
  const assign = useAssign("incidents");
  const may = useMay();
  const me = useMe().data;
  const [asking, setAsking] = useState<IncidentVerb | "assign" | "ticket" | "merge" | "edit" | "problem" | null>(null);
  const acts = actsOf(incident.state).filter((verb) => may(EFFECTS[verb].permission, incident.namespace));
  const live = incident.state === "open" || incident.state === "acknowledged";
  const self = nameOf(me?.user ?? me?.actor);

  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <span className="row"><PriorityTag priority={incident.priority} /><SeverityMark severity={incident.severity} /></span>
            <Targets incident={incident} />
            <span className="row"><StateMark state={incident.state} />{incident.acknowledged_by && <span>by {nameOf(incident.acknowledged_by)}</span>}</span>
            <span className="mono dim3">{incident.id}</span>
          </div>
          <h1>{incident.title}</h1>
        </div>
        <div className="actions">
          {live && may("incident:assign", incident.namespace) && <button type="button" className="btn" onClick={() => setAsking("assign")}><Icon name="user" size="m" />Assign</button>}
          {live && may("alert:snooze", incident.namespace) && <SnoozeIncident incident={incident} />}
          {incident.state === "acknowledged" && may("incident:acknowledge", incident.namespace) && <GiveBack incident={incident} />}
          {live && may("incident:group", incident.namespace) && <button type="button" className="btn" onClick={() => setAsking("merge")}><Icon name="link" size="m" />Merge</button>}
          {incident.state !== "closed" && may("incident:edit", incident.namespace) && <button type="button" className="btn" onClick={() => setAsking("edit")}>Edit</button>}
          {incident.state !== "closed" && may("problem:write", incident.namespace) && <button type="button" className="btn" onClick={() => setAsking("problem")}>Write problem</button>}
          {may("ticket:create", incident.namespace) && <button type="button" className="btn" onClick={() => setAsking("ticket")}><Icon name="ticket" size="m" />Write ticket</button>}
          {acts.toReversed().map((verb) => (
            <button
              key={verb} type="button" className={verb === acts[0] ? "btn primary" : "btn"} disabled={command.isPending}
              onClick={() => (verb === "acknowledge" ? command.mutate({ id: incident.id, verb }) : setAsking(verb))}
            >
              {EFFECTS[verb].act}
            </button>
          ))}
        </div>
      </div>
      {command.error && asking === null && <ErrorState error={command.error} />}
      <Merged incident={incident} />
      <KnownErrors incident={incident} />
      <Figures incident={incident} />
      <div className="columns">
        <div>
          <Called incident={incident} />
          <Behind incident={incident} />
          <ChangedBefore incident={incident} />
          <Members incident={incident} />
          <div className="halves">
            <Tasks incident={incident} />
            <Updates incident={incident} />
          </div>
          <div className="halves">
            <Checklists incident={incident} />
            <Responders incident={incident} />
          </div>
          <ReviewCard incident={incident} />
          <div className="halves">
            <ImpactCard incident={incident} />
            <Told incident={incident} />
          </div>
          <div className="halves">
            <Runs incident={incident} />
            <Tickets incident={incident} />
          </div>
          <SimilarCard incident={incident} />
        </div>
        <TimelineCard incident={incident} />
      </div>

      {(["resolve", "reopen", "close"] as const).map((verb) => (
        <Ask
          key={verb} opened={asking === verb} onClose={() => setAsking(null)} title={EFFECTS[verb].title} effect={EFFECTS[verb].effect} act={EFFECTS[verb].act}
          field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }}
          run={(reason) => command.mutateAsync({ id: incident.id, verb, ...(reason ? { reason } : {}) })}
        />
      ))}
      <Ask
        opened={asking === "assign"} onClose={() => setAsking(null)} title="Assign this incident" act="Assign"
        effect={<>Whoever has it shows as its owner. You are <b>{self}</b>.</>} field={{ label: "Name", required: true, placeholder: self }}
        run={(assignee) => assign.mutateAsync({ id: incident.id, assignee })}
      />
      <NewProblem opened={asking === "problem"} onClose={() => setAsking(null)} namespace={incident.namespace} from={incident} />
      <EditIncident incident={incident} opened={asking === "edit"} onClose={() => setAsking(null)} />
      <Merge incident={incident} opened={asking === "merge"} onClose={() => setAsking(null)} />
      <NewTicket opened={asking === "ticket"} onClose={() => setAsking(null)} from={incident} />
    </div>
  );
}

function Figures({ incident }: { incident: Incident }) {
  const now = useNow();
  const responded = respondedAfter(incident);
  return (
    <section className="card strip clip" aria-label="Figures">
      <div><span className="eyebrow">{incident.resolved_at ? "Was open for" : "Open for"}</span><b>{openFor(incident, now)}</b></div>
      <div><span className="eyebrow">Taken on after</span><b>{responded ?? (incident.resolved_at ? "nobody" : "nobody yet")} {responded && <small>by {nameOf(incident.acknowledged_by)}</small>}</b></div>
      <div><span className="eyebrow">Alerts</span><b>{incident.alerts_firing} <small>firing of {incident.alerts_total}</small></b></div>
      <div><span className="eyebrow">{incident.assignee ? "Assigned to" : "Owner"}</span><b>{nameOf(incident.assignee ?? incident.owner) || "none"} {incident.service && <small>of {incident.service}</small>}</b></div>
      <div className="twice"><span className="eyebrow">Why {incident.priority}</span><span className="t12 dim clamp" title={incident.priority_reason}>{incident.priority_reason}</span></div>
    </section>
  );
}

function Runs({ incident }: { incident: Incident }) {
  const runs = useDetail<Page<Run>>("incidents", incident.id, "runs");
  return (
    <Card title="Runs" scope={incident.runs.length > 0 ? plural(incident.runs.length, "run") : undefined}>
      <Loaded query={runs} what="runs">
        {(page) => page.items.length === 0
          ? <EmptyState title="Nothing was run"><p>Policies start workflows for an incident; they show here.</p></EmptyState>
          : page.items.map((run) => <RunRow key={run.id} run={run} />)}
      </Loaded>
    </Card>
  );
}

function RunRow({ run }: { run: Run }) {
  const { mark, words, detail } = useStand(run);
  const more = detail || withNames(run.reason ?? "");
  return (
    <Link to="/runs/$id" params={{ id: run.id }} className="moving-row">
      <span className="row"><span className="mono cut grow">{run.workflow}</span><StateMark state={mark} text={words} /><span className="dim3 nowrap"><RelativeTime at={run.started_at} /></span></span>
      {more !== "" && <span className="t12 dim3 cut" title={more}>{more}</span>}
    </Link>
  );
}

function Tickets({ incident }: { incident: Incident }) {
  return (
    <Card title="Tickets" scope={incident.tickets.length > 0 ? plural(incident.tickets.length, "ticket") : undefined}>
      {incident.tickets.length === 0 ? <EmptyState title="No ticket yet"><p>Write one above, or let a policy do so.</p></EmptyState>
        : incident.tickets.map((id) => <TicketRow key={id} id={id} />)}
    </Card>
  );
}

function TicketRow({ id }: { id: string }) {
  const ticket = useDetail<Ticket>("tickets", id);
  return (
    <Link to="/tickets/$id" params={{ id }} className="moving-row">
      <span className="row"><span className="mono">{id}</span><span className="cut grow">{ticket.data?.title ?? ""}</span>{ticket.data && <StateMark state={ticket.data.state} />}</span>
    </Link>
  );
}

function TimelineCard({ incident }: { incident: Incident }) {
  const [all, setAll] = useState(false);
  const may = useMay();
  const facts = useDetail<Page<Fact>>("incidents", incident.id, "timeline", { query: { limit: 500 } });
  return (
    <Card
      title="Timeline" scope="from the journal"
      end={
        <span className="segments" role="group" aria-label="Which facts">
          <button type="button" aria-pressed={!all} onClick={() => setAll(false)}>Key</button>
          <button type="button" aria-pressed={all} onClick={() => setAll(true)}>All{facts.data ? ` ${String(facts.data.items.length)}` : ""}</button>
        </span>
      }
    >
      {may("incident:comment", incident.namespace) && <CommentBox resource="incidents" id={incident.id} />}
      <Loaded query={facts} what="the timeline">
        {(page) => <Timeline facts={page.items} onlyKey={!all} />}
      </Loaded>
    </Card>
  );
}

export function CommentBox({ resource, id }: { resource: "incidents" | "tickets"; id: string }) {
  const comment = useComment(resource);
  const [text, setText] = useState("");
  return (
    <form
      style={{ padding: "8px 12px", borderBottom: "1px solid var(--line-soft)", display: "grid", gap: 8 }}
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === "" || comment.isPending) return;
        comment.mutate({ id, text: text.trim() }, { onSuccess: () => setText("") });
      }}
    >
      <div className="comment-box">
        <Textarea
          className="grow" aria-label="Comment" placeholder="Add a comment" autosize minRows={1} maxRows={12} value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }
          }}
        />
        <button type="submit" className="btn" disabled={text.trim() === "" || comment.isPending} title="Comment (Ctrl Enter)">Comment</button>
      </div>
      {comment.error && <ErrorState error={comment.error} />}
    </form>
  );
}
