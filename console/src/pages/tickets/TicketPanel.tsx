/** One ticket: what is to be done, by whom, and what was said. */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useCallback, useState } from "react";

import { useAssign, useTransition } from "../../data/commands";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay, useMe } from "../../data/me";
import type { Fact, Ticket } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Pairs } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { sentence } from "../../parts/format";
import { isSeverity, PriorityTag, SeverityMark, StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { useFilters } from "../../shell/filters";
import { CommentBox } from "../incidents/IncidentPage";
import { Mirrors } from "./Mirrors";
import { NEXT, verb } from "./view";

export default function TicketPanel() {
  const { id = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useDetail<Ticket>("tickets", id);
  const close = useCallback(() => void navigate({ to: "/tickets", search: { ...filters, full: undefined } }), [navigate, filters]);
  return (
    <SidePanel label="Ticket" onClose={close} title={<span className="row"><span className="mono">{id}</span>{query.data && <StateMark state={query.data.state} />}</span>}>
      <Loaded query={query} what="the ticket">{(ticket) => <Body ticket={ticket} />}</Loaded>
    </SidePanel>
  );
}

function Body({ ticket }: { ticket: Ticket }) {
  const transition = useTransition();
  const assign = useAssign("tickets");
  const may = useMay();
  const me = useMe().data;
  const [assigning, setAssigning] = useState(false);
  const facts = useDetail<Page<Fact>>("tickets", ticket.id, "timeline", { query: { limit: 200 } });
  const next = may("ticket:transition", ticket.namespace) ? NEXT[ticket.state] : [];
  return (
    <>
      <div className="panel-section stack">
        <h1 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{ticket.title}</h1>
        {ticket.state !== "closed" && <div className="row wrapping">
          {next.map((state, index) => (
            <button key={state} type="button" className={index === 0 ? "btn primary" : "btn"} disabled={transition.isPending} onClick={() => transition.mutate({ id: ticket.id, state })}>{verb(ticket.state, state)}</button>
          ))}
          {may("ticket:assign", ticket.namespace) && <button type="button" className="btn" onClick={() => setAssigning(true)}>Assign</button>}
        </div>}
        {transition.error && <ErrorState error={transition.error} />}
        {ticket.description !== "" && <p className="wrap" style={{ whiteSpace: "pre-wrap" }}>{ticket.description}</p>}
      </div>
      <div className="panel-section">
        <Pairs
          entries={[
            ["Type", sentence(ticket.type)],
            ["Priority", ticket.priority ? <PriorityTag key="p" priority={ticket.priority} /> : null],
            ["Severity", isSeverity(ticket.severity) ? <SeverityMark key="s" severity={ticket.severity} /> : null],
            ["Assigned to", nameOf(ticket.assignee) || "nobody yet"],
            ["Incident", ticket.incident ? <Link key="i" className="link mono" to="/incidents/$id" params={{ id: ticket.incident }}>{ticket.incident}</Link> : null],
            ["Run", ticket.run ? <Link key="r" className="link mono" to="/runs/$id" params={{ id: ticket.run }}>{ticket.run}</Link> : null],
            ["Change", ticket.change ? <ChangeLink key="c" id={ticket.change} /> : null],
            ["Service", ticket.service],
            ["Resource", ticket.resource],
            ["Opened", <span key="o"><RelativeTime at={ticket.opened_at} suffix=" ago" /> by {nameOf(ticket.opened_by)}</span>],
            ["Resolved", ticket.resolved_at ? <RelativeTime key="v" at={ticket.resolved_at} suffix=" ago" /> : null],
            ["Closed", ticket.closed_at ? <RelativeTime key="c" at={ticket.closed_at} suffix=" ago" /> : null],
            ["Ended", ticket.close_code ? sentence(ticket.close_code) : null],
            ["Resolution", ticket.resolution || null],
            ["Namespace", ticket.namespace],
            ...ticket.links.map((one): [string, ReactNode] => ["Link", <Target key={one.target} target={one.target} title={one.title} />]),
          ]}
        />
      </div>
      <Mirrors ticket={ticket} />
      {may("ticket:comment", ticket.namespace) && <CommentBox resource="tickets" id={ticket.id} />}
      <h2 className="heading panel-title">Timeline</h2>
      <Loaded query={facts} what="the timeline">{(page) => <Timeline facts={page.items.filter((fact) => !fact.type.startsWith("oncue.ticket_mirror."))} />}</Loaded>
      <Ask
        opened={assigning} onClose={() => setAssigning(false)} title="Assign this ticket" act="Assign" effect={<>You are <b>{nameOf(me?.user ?? me?.actor)}</b>.</>}
        field={{ label: "Name", required: true }} run={(assignee) => assign.mutateAsync({ id: ticket.id, assignee })}
      />
    </>
  );
}

/** A link of the ticket: an address leads there, anything else is named. */
function Target({ target, title }: { target: string; title: string }) {
  if (!target.startsWith("http")) return <span className="wrap"><span className="mono">{target}</span>{title !== target && ` ${title}`}</span>;
  return <a className="link wrap" href={target} target="_blank" rel="noreferrer">{title}</a>;
}
