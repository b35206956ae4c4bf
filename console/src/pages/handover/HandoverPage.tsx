/** Handover: how things stand now, handing over, and what was handed over before. */
import { Modal, Select, Textarea } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useShort } from "../../data/lists";
import { nameOf, useMay, useMe } from "../../data/me";
import type { HandedOver, Handover, HandoverLine } from "../../data/types";
import { useConfirmHandover, useHandOver, useNoteHandover, useStanding } from "../../data/work";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { isSeverity, PriorityTag, SeverityShape } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { instantOf, parts, summary, whenOf, words, type PartView } from "./view";

export default function HandoverPage() {
  const [filters, change] = useFilters();
  const me = useMe().data;
  const may = useMay();
  const namespace = filters["namespace"] ?? me?.home ?? "default";
  const team = filters["team"];
  const shown = filters["show"];
  const standing = useStanding(namespace, team);
  const past = useShort<Handover>("handovers", { namespace, limit: 20 });
  const teams = useShort<{ name: string; namespace: string }>("teams");
  const [making, setMaking] = useState(false);
  const names = (teams.data?.items ?? []).filter((one) => one.namespace === namespace).map((one) => one.name);
  const chosen = past.data?.items.find((one) => one.id === shown);
  return (
    <div className="page">
      <div className="page-head">
        <div><h1 className="place">Handover</h1><p className="dim">How things stand, so that nobody must remember it. <HelpLink page="how-to/handover.md">How to hand over</HelpLink></p></div>
        <div className="actions">
          {names.length > 0 && <Select aria-label="Team" placeholder="All teams" size="xs" w={150} clearable data={names} value={team ?? null} onChange={(value) => change({ team: value ?? undefined })} />}
          {may("handover:write", namespace) && <button type="button" className="btn primary" onClick={() => setMaking(true)}>Hand over</button>}
        </div>
      </div>
      <div className="columns">
        <div>
          {shown
            ? chosen ? <Past one={chosen} self={me?.actor} back={() => change({ show: undefined })} /> : <Loaded query={past} what="the handover">{() => <EmptyState title="This handover is not among the last ones" />}</Loaded>
            : <Loaded query={standing} what="how things stand">{(drawn) => <Standing drawn={drawn} />}</Loaded>}
        </div>
        <Card title="Handed over" scope="the last 20">
          <Loaded query={past} what="handovers">
            {(page) => (page.items.length === 0
              ? <EmptyState title="Nothing was handed over yet"><p>Hand over at the end of a shift; the next one confirms.</p></EmptyState>
              : page.items.map((one) => (
                <button key={one.id} type="button" className="moving-row as-link" style={{ width: "100%", textAlign: "left" }} aria-current={one.id === shown ? "true" : undefined} onClick={() => change({ show: one.id })}>
                  <span className="row"><span className="mono">{one.id}</span><span className="grow cut">{nameOf(one.created_by)}{one.team && ` for ${one.team}`}</span><span className={one.state === "open" ? "reason" : "reason not"}>{one.state}</span></span>
                  <span className="t12 dim3 wrap"><RelativeTime at={one.created_at} suffix=" ago" /> · {summary(one.drawn)}{one.confirmed_by && ` · ${nameOf(one.confirmed_by)} has it`}</span>
                </button>
              )))}
          </Loaded>
        </Card>
      </div>
      <Modal opened={making} onClose={() => setMaking(false)} title={`Hand over ${namespace}${team ? `, ${team}` : ""}`} size={560}>
        {making && <Make namespace={namespace} team={team} standing={standing.data} onClose={() => setMaking(false)} onMade={(id) => { setMaking(false); change({ show: id }); }} />}
      </Modal>
    </div>
  );
}

function Make({ namespace, team, standing, onClose, onMade }: { namespace: string; team: string | undefined; standing: HandedOver | undefined; onClose: () => void; onMade: (id: string) => void }) {
  const make = useHandOver();
  const [notes, setNotes] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate({ namespace, notes: notes.trim(), ...(team ? { team } : {}) }, { onSuccess: (made) => onMade(made.id) });
      }}
    >
      <p className="dim">How things stand now is kept{standing ? `: ${summary(standing)}` : ""}. The next shift confirms; you cannot confirm it yourself.</p>
      <Textarea label="What the next shift should know besides" autosize minRows={3} maxRows={12} value={notes} data-autofocus onChange={(event) => setNotes(event.currentTarget.value)} />
      {make.error && <ErrorState error={make.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={make.isPending}>Hand over</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

function Past({ one, self, back }: { one: Handover; self: string | undefined; back: () => void }) {
  const confirm = useConfirmHandover();
  const note = useNoteHandover();
  const may = useMay();
  const [asking, setAsking] = useState<"confirm" | "note" | null>(null);
  const open = one.state === "open" && may("handover:write", one.namespace);
  return (
    <>
      <Card
        title={<><span className="mono">{one.id}</span> by {nameOf(one.created_by)}</>} scope={<RelativeTime at={one.created_at} suffix=" ago" />}
      >
        <div className="card-body stack">
          {one.notes ? <p className="wrap" style={{ whiteSpace: "pre-wrap" }}>{one.notes}</p> : <p className="dim3">No notes.</p>}
          {one.confirmed_by
            ? <p className="dim wrap">{nameOf(one.confirmed_by)} has had it since <RelativeTime at={one.confirmed_at} suffix=" ago" />{one.remark && `: ${one.remark}`}</p>
            : <p className="dim">{self === one.created_by ? "You made it: someone of the next shift confirms it." : "Nobody has confirmed it yet."}</p>}
          <div className="row wrapping">
            {open && self !== one.created_by && <button type="button" className="btn primary" onClick={() => setAsking("confirm")}>I have it</button>}
            {open && <button type="button" className="btn" onClick={() => setAsking("note")}>Write notes</button>}
            <button type="button" className="btn" onClick={back}><Icon name="back" size="m" />How it stands now</button>
          </div>
        </div>
      </Card>
      <Standing drawn={one.drawn} />
      <Ask opened={asking === "confirm"} onClose={() => setAsking(null)} title={`Take over ${one.id}`} act="I have it" effect="It says that you have read it; it is kept with your name." field={{ label: "Remark", placeholder: "optional" }} run={(remark) => confirm.mutateAsync({ id: one.id, remark })} />
      <Ask opened={asking === "note"} onClose={() => setAsking(null)} title={`Notes of ${one.id}`} act="Save" effect="They take the place of those that are there." field={{ label: "Notes", required: true, long: true }} run={(notes) => note.mutateAsync({ id: one.id, notes })} />
    </>
  );
}

function Standing({ drawn }: { drawn: HandedOver }) {
  const shown = parts(drawn);
  if (shown.length === 0) return <section className="card"><EmptyState title="All is quiet"><p>Nothing is open, snoozed, silenced, planned, running or due.</p></EmptyState></section>;
  return (
    <>
      {shown.map((view) => {
        const { items, total } = drawn[view.part] ?? { items: [], total: 0 };
        return (
          <Card key={view.part} title={view.title} scope={items.length < total ? `${String(items.length)} of ${String(total)} are shown` : String(total)}>
            {items.map((line) => <Line key={`${line.id}${line.at ?? ""}`} line={line} view={view} />)}
          </Card>
        );
      })}
    </>
  );
}

function Line({ line, view }: { line: HandoverLine; view: PartView }) {
  const now = useNow();
  const when = whenOf(line, view);
  const at = instantOf(line, when);
  const [before, after] = words(when, at !== null && new Date(at).getTime() <= now);
  const body = (
    <>
      <span className="row">
        {line.priority ? <PriorityTag priority={line.priority} /> : isSeverity(line.severity) ? <SeverityShape severity={line.severity} small /> : null}
        <span className="grow wrap">{line.title}</span>
        <span className="dim nowrap">{line.who ? nameOf(line.who) : ""}</span>
      </span>
      <span className="t12 dim3 wrap"><span className="mono">{line.id}</span>{line.service && ` · ${line.service}`}{at && <> · {before} <RelativeTime at={at} suffix={after} /></>}{line.note && ` · ${line.note}`}</span>
    </>
  );
  return view.to === null ? <div className="moving-row">{body}</div> : <Link to={view.to} params={{ id: line.id }} className="moving-row">{body}</Link>;
}
