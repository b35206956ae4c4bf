/** What is known from before, and what is learned: known errors, similar incidents, the review. */
import { Modal, Select, Textarea, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Problem, type Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Incident, ProblemRecord, Review, Similar, Task } from "../../data/types";
import { useAddAction, useBeginReview, useEditIncident, useTurnReview, useWriteReview } from "../../data/work";
import { Card, Pairs } from "../../parts/Card";
import { plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { PriorityTag, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { TaskForm, TaskRow } from "./Work";
import { CAUSES, reviewDue, took } from "./work";

/** What is known of it already, above everything else: it may save the night. */
export function KnownErrors({ incident }: { incident: Incident }) {
  return (
    <>
      {incident.known_errors.map((id) => <KnownError key={id} id={id} />)}
      {incident.held_by && <p className="notice info"><Icon name="user" /><span>{incident.opened_by === incident.held_by ? "Opened" : "Reopened"} by {nameOf(incident.held_by)}: it ends when a person resolves it, whatever its alerts do.</span></p>}
      {incident.description && <p className="wrap" style={{ margin: "0 0 12px" }}>{incident.description}</p>}
    </>
  );
}

function KnownError({ id }: { id: string }) {
  const problem = useDetail<ProblemRecord>("problems", id).data;
  if (!problem) return null;
  return (
    <div className="notice info" role="note" aria-label={`Known error ${id}`}>
      <Icon name="incident" />
      <div className="stack" style={{ gap: 2 }}>
        <span className="wrap"><strong>{problem.state === "known_error" ? "Known error" : "Problem"} <Link to="/problems" search={{ show: id }} className="mono">{id}</Link></strong>: {problem.title}</span>
        {problem.workaround && <span className="wrap">Workaround: {problem.workaround}</span>}
        <span className="t12 dim">{plural(problem.incidents_total, "incident")} so far{problem.root_cause && `; behind it: ${problem.root_cause}`}</span>
      </div>
    </div>
  );
}

export function SimilarCard({ incident }: { incident: Incident }) {
  const query = useDetail<Page<Similar>>("incidents", incident.id, "similar");
  return (
    <Card id="similar" title="Similar incidents" scope="of the past, and how they ended">
      <Loaded query={query} what="similar incidents">
        {(page) => (page.items.length === 0
          ? <EmptyState title="Nothing like it is known" />
          : page.items.slice(0, 5).map((one) => (
            <Link key={one.id} to="/incidents/$id" params={{ id: one.id }} className="moving-row">
              <span className="row"><PriorityTag priority={one.priority} /><span className="cut grow">{one.title}</span><StateMark state={one.state} /><span className="dim3 nowrap"><RelativeTime at={one.opened_at} suffix=" ago" /></span></span>
              {one.resolution?.note && <span className="wrap">{one.resolution.note}{one.resolution.cause && <span className="reason" style={{ marginLeft: 6 }}>{one.resolution.cause}</span>}</span>}
              <span className="t12 dim3 wrap"><span className="mono">{one.id}</span> · took {took(one.duration_s)}{one.resolved_by && `, ended by ${nameOf(one.resolved_by)}`} · {one.reasons.join("; ")}</span>
            </Link>
          )))}
      </Loaded>
    </Card>
  );
}

const SECTIONS = ["summary", "impact", "causes", "went_well", "went_badly", "lessons"] as const;

export function ReviewCard({ incident }: { incident: Incident }) {
  const over = incident.state === "resolved" || incident.state === "closed";
  const query = useDetail<Review>("incidents", incident.id, "review", { enabled: over });
  const begin = useBeginReview();
  const may = useMay();
  if (!over || incident.merged_into) return null;
  const missing = query.error instanceof Problem && query.error.code === "review.not_found";
  const works = may("incident:edit", incident.namespace);
  return (
    <Card id="review" title="Review" scope={query.data ? sentence(query.data.state) : missing && reviewDue(incident) ? <span className="failure">missing for a {incident.priority}</span> : undefined}>
      <Ending incident={incident} />
      {query.data ? <Written review={query.data} works={works} />
        : missing ? (
          <EmptyState title="No review yet">
            <p>It begins with what the journal has: the timeline, how long each step took, who worked on it, what was suspected.</p>
            {works && <button type="button" className="btn" disabled={begin.isPending} onClick={() => begin.mutate({ id: incident.id })}>Begin the review</button>}
            {begin.error && <ErrorState error={begin.error} />}
          </EmptyState>
        )
        : query.error ? <div className="card-body"><ErrorState error={query.error} /></div> : null}
    </Card>
  );
}

/** How it ended. It can be said as long as the incident is not closed. */
function Ending({ incident }: { incident: Incident }) {
  const edit = useEditIncident();
  const may = useMay();
  const [saying, setSaying] = useState(false);
  const { resolution } = incident;
  const works = incident.state === "resolved" && may("incident:edit", incident.namespace);
  return (
    <div className="moving-row">
      <span className="row"><span className="grow wrap">{resolution?.note ?? <span className="dim3">Nobody said how it ended.</span>}</span>{resolution?.cause && <span className="reason">{resolution.cause}</span>}{works && <button type="button" className="btn small" onClick={() => setSaying(true)}>{resolution ? "Change" : "Say how it ended"}</button>}</span>
      {resolution && <span className="t12 dim3">{nameOf(resolution.by)}, <RelativeTime at={resolution.at} suffix=" ago" /></span>}
      <Modal opened={saying} onClose={() => setSaying(false)} title="How it ended" size={480}>
        {saying && <EndingForm incident={incident} busy={edit.isPending} error={edit.error} run={(note, cause) => edit.mutate({ id: incident.id, note, ...(cause ? { cause } : {}) }, { onSuccess: () => setSaying(false) })} />}
      </Modal>
    </div>
  );
}

function EndingForm({ incident, busy, error, run }: { incident: Incident; busy: boolean; error: Error | null; run: (note: string, cause: string | null) => void }) {
  const [note, setNote] = useState(incident.resolution?.note ?? "");
  const [cause, setCause] = useState<string | null>(incident.resolution?.cause ?? null);
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); run(note.trim(), cause); }}>
      <Textarea label="What was found and done" autosize minRows={3} maxRows={12} value={note} data-autofocus onChange={(event) => setNote(event.currentTarget.value)} />
      <Select label="What was behind it" clearable data={CAUSES.map((value) => ({ value, label: sentence(value) }))} value={cause} onChange={setCause} />
      {error && <ErrorState error={error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={busy || (note.trim() === "" && cause === null)}>Save</button></div>
    </form>
  );
}

function Written({ review, works }: { review: Review; works: boolean }) {
  const write = useWriteReview();
  const turn = useTurnReview();
  const add = useAddAction();
  const tasks = useDetail<Page<Task>>("incidents", review.incident, "tasks");
  const [editing, setEditing] = useState(false);
  const [adding, setAdding] = useState(false);
  const { drawn } = review;
  const draft = review.state === "draft";
  const actions = (tasks.data?.items ?? []).filter((task) => task.kind === "action");
  return (
    <>
      <div className="card-body stack">
        <Pairs entries={[
          ["Until someone knew", took(drawn.detect_s)], ["Until someone took it", took(drawn.acknowledge_s)], ["Until it was over", took(drawn.resolve_s)],
          ["Who worked on it", drawn.people.join(", ") || "nobody"], ["Suspected", drawn.suspects.map((one) => one.name).join(", ")],
          ["Alerts", String(drawn.alerts_total)], ["Stakeholders told", plural(drawn.updates, "time")], ["Written by", nameOf(review.created_by)],
        ]} />
        {SECTIONS.filter((name) => review[name] !== "").map((name) => (
          <div key={name}><h3 className="heading">{sentence(name)}</h3><p className="wrap" style={{ whiteSpace: "pre-wrap" }}>{review[name]}</p></div>
        ))}
        {works && (
          <div className="row wrapping">
            {draft && <button type="button" className="btn" onClick={() => setEditing(true)}>Write</button>}
            <button type="button" className="btn" onClick={() => setAdding(true)}><Icon name="plus" size="m" />Action</button>
            <button type="button" className={draft ? "btn primary" : "btn"} disabled={turn.isPending} onClick={() => turn.mutate({ id: review.incident, to: draft ? "publish" : "withdraw" })}>{draft ? "Publish" : "Take back to a draft"}</button>
          </div>
        )}
        {turn.error && <ErrorState error={turn.error} />}
      </div>
      {actions.map((task) => <TaskRow key={task.id} task={task} />)}
      <Modal opened={editing} onClose={() => setEditing(false)} title={`Review of ${review.incident}`} size={720}>
        {editing && <Sections review={review} busy={write.isPending} error={write.error} run={(sections) => write.mutate({ id: review.incident, ...sections }, { onSuccess: () => setEditing(false) })} />}
      </Modal>
      <Modal opened={adding} onClose={() => setAdding(false)} title="Something to be done, so that it does not come again" size={480}>
        {adding && <TaskForm busy={add.isPending} error={add.error} act="Add action" run={(task) => add.mutate({ incident: review.incident, ...task }, { onSuccess: () => setAdding(false) })} onClose={() => setAdding(false)} />}
      </Modal>
    </>
  );
}

function Sections({ review, busy, error, run }: { review: Review; busy: boolean; error: Error | null; run: (sections: Record<string, string>) => void }) {
  const [texts, setTexts] = useState<Record<string, string>>(() => Object.fromEntries(SECTIONS.map((name) => [name, review[name]])));
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); run(texts); }}>
      {SECTIONS.map((name, index) => (
        <Textarea key={name} label={sentence(name)} autosize minRows={2} maxRows={10} value={texts[name] ?? ""} {...(index === 0 ? { "data-autofocus": true } : {})} onChange={(event) => { const { value } = event.currentTarget; setTexts((all) => ({ ...all, [name]: value })); }} />
      ))}
      {error && <ErrorState error={error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={busy}>Save</button></div>
    </form>
  );
}

/** What is otherwise computed, set by a person; it stands until it is taken back. */
export function EditIncident({ incident, opened, onClose }: { incident: Incident; opened: boolean; onClose: () => void }) {
  return <Modal opened={opened} onClose={onClose} title={`Edit ${incident.id}`} size={560}>{opened && <EditForm incident={incident} onClose={onClose} />}</Modal>;
}

function EditForm({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const edit = useEditIncident();
  const [title, setTitle] = useState(incident.title);
  const [description, setDescription] = useState(incident.description);
  const [priority, setPriority] = useState<string>(incident.priority);
  const [severity, setSeverity] = useState<string>(incident.severity);
  const [reason, setReason] = useState("");
  const changed = {
    ...(title.trim() !== incident.title ? { title: title.trim() } : {}), ...(description !== incident.description ? { description } : {}),
    ...(priority !== incident.priority ? { priority } : {}), ...(severity !== incident.severity ? { severity } : {}),
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        edit.mutate({ id: incident.id, ...changed, ...(reason.trim() ? { reason: reason.trim() } : {}) }, { onSuccess: onClose });
      }}
    >
      <TextInput label="Title" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <div className="field-row">
        <Select label="Priority" allowDeselect={false} data={["P1", "P2", "P3", "P4", "P5"]} value={priority} onChange={(value) => setPriority(value ?? priority)} />
        <Select label="Severity" allowDeselect={false} data={["critical", "major", "minor", "warning"].map((value) => ({ value, label: sentence(value) }))} value={severity} onChange={(value) => setSeverity(value ?? severity)} />
      </div>
      <Textarea label="What people should know of it" autosize minRows={2} maxRows={10} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <TextInput label="Why" placeholder="optional" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      <p className="dim t12">Title, priority and severity that a person set stand, whatever alerts come, until they are taken back.</p>
      {incident.edited.map((one) => (
        <p key={one.field} className="row t12"><span className="grow">{sentence(one.field)} was set by {nameOf(one.by)}{one.reason && `: ${one.reason}`}</span><button type="button" className="btn small" disabled={edit.isPending} onClick={() => edit.mutate({ id: incident.id, take_back: [one.field] }, { onSuccess: onClose })}>Take back</button></p>
      ))}
      {edit.error && <ErrorState error={edit.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={edit.isPending || title.trim() === "" || Object.keys(changed).length === 0}>Save</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
