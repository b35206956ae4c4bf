/** What people do about an incident: tasks, checklists, who does what, links, and what stakeholders were told. */
import { Checkbox, Modal, Select, Textarea, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Checklist, Incident, StatusUpdate, Task } from "../../data/types";
import { useAddChecklist, useAddTask, useLinkIncident, useMarkStep, useNames, usePostUpdate, useRespond, useTurnTask, useUnlinkIncident } from "../../data/work";
import { Ask } from "../../parts/ask";
import { Card } from "../../parts/Card";
import { plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { EmptyState, ErrorState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { inOrder, nextUpdate, overdue, PARTS, PERIODS, progress } from "./work";

/** Whether it still changes, and one may change it. */
export function useWorks(incident: Incident): boolean {
  const may = useMay();
  return incident.state !== "closed" && may("incident:edit", incident.namespace);
}

export function Tasks({ incident }: { incident: Incident }) {
  const query = useDetail<Page<Task>>("incidents", incident.id, "tasks");
  const works = useWorks(incident);
  const [adding, setAdding] = useState(false);
  const tasks = query.data?.items ?? [];
  const open = tasks.filter((task) => task.state === "open").length;
  return (
    <Card
      id="tasks" title="Tasks" scope={tasks.length > 0 ? `${String(open)} open of ${String(tasks.length)}` : undefined}
      end={works && <button type="button" className="btn small" onClick={() => setAdding(true)}><Icon name="plus" size="m" />Task</button>}
    >
      <Loaded query={query} what="tasks">
        {() => (tasks.length === 0
          ? <EmptyState title="No task yet"><p>What someone is to do, and by when. Everyone sees what is open.</p></EmptyState>
          : inOrder(tasks).map((task) => <TaskRow key={task.id} task={task} />))}
      </Loaded>
      <Modal opened={adding} onClose={() => setAdding(false)} title={`New task for ${incident.id}`} size={480}>
        {adding && <NewTask incident={incident.id} onClose={() => setAdding(false)} />}
      </Modal>
    </Card>
  );
}

export function TaskRow({ task }: { task: Task }) {
  const turn = useTurnTask();
  const may = useMay();
  const now = useNow();
  const works = may("incident:edit", task.namespace);
  const late = overdue(task, now);
  return (
    <div className="moving-row">
      <span className="row">
        <Checkbox
          size="xs" aria-label={`Done: ${task.title}`} checked={task.state === "done"} disabled={!works || task.state === "cancelled" || turn.isPending}
          onChange={() => turn.mutate({ id: task.id, state: task.state === "open" ? "done" : "open" })}
        />
        <span className={task.state === "open" ? "grow wrap" : "grow wrap dim3"}>{task.title}{task.kind === "action" && <span className="reason" style={{ marginLeft: 6 }}>action</span>}</span>
        <span className="nowrap dim">{nameOf(task.assignee) || <span className="dim3">nobody</span>}</span>
      </span>
      <span className="t12 dim3 wrap" style={{ paddingLeft: 24 }}>
        <span className="mono">{task.id}</span>
        {task.state === "open" && task.due_at && <span className={late ? "failure" : undefined}>{late ? " · overdue since " : " · due "}<RelativeTime at={task.due_at} /></span>}
        {task.state !== "open" && <> · {task.state} by {nameOf(task.ended_by)} <RelativeTime at={task.ended_at} suffix=" ago" /></>}
        {task.description && <> · {task.description}</>}
      </span>
      {turn.error && <ErrorState error={turn.error} />}
    </div>
  );
}

function NewTask({ incident, onClose }: { incident: string; onClose: () => void }) {
  const add = useAddTask();
  return <TaskForm busy={add.isPending} error={add.error} act="Set task" run={(task) => add.mutate({ incident, ...task }, { onSuccess: onClose })} onClose={onClose} />;
}

interface TaskFormProps {
  busy: boolean;
  error: Error | null;
  act: string;
  run: (task: { title: string; assignee?: string; due_at?: string }) => void;
  onClose: () => void;
}

export function TaskForm({ busy, error, act, run, onClose }: TaskFormProps) {
  const [title, setTitle] = useState("");
  const [assignee, setAssignee] = useState("");
  const [due, setDue] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        run({ title: title.trim(), ...(assignee.trim() ? { assignee: assignee.trim() } : {}), ...(due ? { due_at: new Date(due).toISOString() } : {}) });
      }}
    >
      <TextInput label="What is to be done" required withAsterisk={false} value={title} data-autofocus onChange={(event) => setTitle(event.currentTarget.value)} />
      <div className="field-row">
        <TextInput label="Who" placeholder="nobody yet" value={assignee} onChange={(event) => setAssignee(event.currentTarget.value)} />
        <TextInput label="Due" type="datetime-local" value={due} onChange={(event) => setDue(event.currentTarget.value)} />
      </div>
      {error && <ErrorState error={error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={title.trim() === "" || busy}>{act}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

export function Checklists({ incident }: { incident: Incident }) {
  const query = useDetail<Page<Checklist>>("incidents", incident.id, "checklists");
  const works = useWorks(incident);
  const names = useNames("Runbook", incident.namespace, works);
  const add = useAddChecklist();
  const there = new Set((query.data?.items ?? []).map((one) => one.runbook));
  // Which are left is known once both have come.
  const left = query.data && names.data ? names.data.filter((name) => !there.has(name)) : [];
  return (
    <Card
      id="checklists" title="Checklists" scope={there.size > 0 ? plural(there.size, "runbook") : undefined}
      end={works && left.length > 0 && (
        <Select
          aria-label="Add the checklist of a runbook" placeholder="Add a runbook" size="xs" w={170} searchable data={left} value={null}
          onChange={(runbook) => { if (runbook) add.mutate({ incident: incident.id, runbook }); }}
        />
      )}
    >
      {add.error && <div className="card-body"><ErrorState error={add.error} /></div>}
      <Loaded query={query} what="checklists">
        {(page) => (page.items.length === 0
          ? <EmptyState title="No checklist"><p>A <span className="mono">Runbook</span> has the steps to take; it comes with alerts whose runbook it is, or by hand.</p></EmptyState>
          : page.items.map((one) => <Steps key={one.id} checklist={one} works={works} />))}
      </Loaded>
    </Card>
  );
}

function Steps({ checklist, works }: { checklist: Checklist; works: boolean }) {
  const mark = useMarkStep();
  const [skipping, setSkipping] = useState<number | null>(null);
  return (
    <div>
      <p className="row" style={{ padding: "8px 12px 2px" }}><span className="med wrap">{checklist.title}</span><span className="end eyebrow">{progress(checklist)}</span></p>
      <ol style={{ listStyle: "none", margin: 0, padding: 0 }} aria-label={`Steps of ${checklist.runbook}`}>
        {checklist.items.map((item, index) => (
          <li key={index} className="moving-row">
            <span className="row">
              <Checkbox
                size="xs" aria-label={`${String(index + 1)}. ${item.title}`} checked={item.state === "done"} disabled={!works || mark.isPending}
                onChange={() => mark.mutate({ id: checklist.id, step: index + 1, state: item.state === "open" ? "done" : "open" })}
              />
              <span className={item.state === "open" ? "grow wrap" : "grow wrap dim3"}>{item.title}{item.link && <> <a href={item.link} target="_blank" rel="noreferrer">open</a></>}</span>
              {item.workflow && <span className="mono t12 dim3">{item.workflow}</span>}
              {works && item.state === "open" && <button type="button" className="btn ghost small" aria-label={`Skip: ${item.title}`} onClick={() => setSkipping(index + 1)}>Skip</button>}
            </span>
            {(item.text || item.by) && (
              <span className="t12 dim3 wrap" style={{ paddingLeft: 24 }}>
                {item.text}{item.text && item.by ? " · " : ""}{item.by && <>{item.state} by {nameOf(item.by)} <RelativeTime at={item.at} suffix=" ago" />{item.reason && `: ${item.reason}`}</>}
              </span>
            )}
          </li>
        ))}
      </ol>
      {mark.error && <div className="card-body"><ErrorState error={mark.error} /></div>}
      <Ask
        opened={skipping !== null} onClose={() => setSkipping(null)} title="Skip this step?" act="Skip" effect="It counts as dealt with; the reason stays with it. It can be taken back."
        field={{ label: "Why", required: true }} run={(reason) => mark.mutateAsync({ id: checklist.id, step: skipping ?? 0, state: "skipped", reason })}
      />
    </div>
  );
}

export function Responders({ incident }: { incident: Incident }) {
  const works = useWorks(incident);
  const respond = useRespond();
  const link = useLinkIncident();
  const unlink = useUnlinkIncident();
  const [adding, setAdding] = useState<"who" | "link" | null>(null);
  return (
    <Card
      id="responders" title="Who does what, and links" scope={incident.responders.length > 0 ? plural(incident.responders.length, "responder") : undefined}
      end={works && <span className="row"><button type="button" className="btn small" onClick={() => setAdding("who")}><Icon name="user" size="m" />Responder</button><button type="button" className="btn small" onClick={() => setAdding("link")}><Icon name="link" size="m" />Link</button></span>}
    >
      {incident.responders.length + incident.links.length === 0 && <EmptyState title="Nobody has a part yet"><p>In a major incident someone commands, someone speaks to stakeholders, someone writes down what is found.</p></EmptyState>}
      {incident.responders.map((one) => (
        <div key={one.name} className="moving-row">
          <span className="row"><Icon name="user" /><span className="med">{one.name}</span><span className="dim">{sentence(one.role)}</span><span className="end dim3 t12">since <RelativeTime at={one.since} /></span>
            {works && <button type="button" className="btn ghost small" aria-label={`Take off ${one.name}`} disabled={respond.isPending} onClick={() => respond.mutate({ incident: incident.id, name: one.name, role: null })}>Take off</button>}
          </span>
        </div>
      ))}
      {incident.links.map((one) => (
        <div key={one.target} className="moving-row">
          <span className="row"><Icon name="link" /><Target target={one.target} title={one.title} /><span className="end dim3 t12">by {nameOf(one.by)}</span>
            {works && <button type="button" className="btn ghost small" aria-label={`Remove ${one.title}`} disabled={unlink.isPending} onClick={() => unlink.mutate({ incident: incident.id, target: one.target })}>Remove</button>}
          </span>
        </div>
      ))}
      {(respond.error ?? unlink.error) && <div className="card-body"><ErrorState error={(respond.error ?? unlink.error) as Error} /></div>}
      <Modal opened={adding === "who"} onClose={() => setAdding(null)} title="Give someone a part" size={440}>
        {adding === "who" && <Pair first="Name" second="Part" choices={PARTS} act="Give" error={respond.error} run={(name, role) => respond.mutate({ incident: incident.id, name, role }, { onSuccess: () => setAdding(null) })} />}
      </Modal>
      <Modal opened={adding === "link"} onClose={() => setAdding(null)} title="Link to something" size={440}>
        {adding === "link" && <Pair first="Address, or an id as INC-7, TCK-2" second="What it is" act="Link" error={link.error} run={(target, title) => link.mutate({ incident: incident.id, target, title }, { onSuccess: () => setAdding(null) })} />}
      </Modal>
    </Card>
  );
}

function Target({ target, title }: { target: string; title: string }) {
  if (target.startsWith("INC-")) return <Link to="/incidents/$id" params={{ id: target }} className="wrap">{title}</Link>;
  if (target.startsWith("TCK-")) return <Link to="/tickets/$id" params={{ id: target }} className="wrap">{title}</Link>;
  if (/^https?:\/\//.test(target)) return <a href={target} target="_blank" rel="noreferrer" className="wrap">{title}</a>;
  return <span className="mono wrap">{title}</span>;
}

interface PairProps {
  first: string;
  second: string;
  choices?: readonly string[];
  act: string;
  error: Error | null;
  run: (first: string, second: string) => void;
}

function Pair({ first, second, choices, act, error, run }: PairProps) {
  const [one, setOne] = useState("");
  const [two, setTwo] = useState(choices?.at(-1) ?? "");
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); run(one.trim(), two.trim()); }}>
      <TextInput label={first} required withAsterisk={false} value={one} data-autofocus onChange={(event) => setOne(event.currentTarget.value)} />
      {choices
        ? <Select label={second} allowDeselect={false} data={choices.map((value) => ({ value, label: sentence(value) }))} value={two} onChange={(value) => setTwo(value ?? two)} />
        : <TextInput label={second} value={two} onChange={(event) => setTwo(event.currentTarget.value)} />}
      {error && <ErrorState error={error} />}
      <div className="row"><button type="submit" className="btn primary" disabled={one.trim() === ""}>{act}</button></div>
    </form>
  );
}

export function Updates({ incident }: { incident: Incident }) {
  const query = useDetail<Page<StatusUpdate>>("incidents", incident.id, "updates");
  const works = useWorks(incident);
  const now = useNow();
  const [writing, setWriting] = useState(false);
  const next = nextUpdate(incident, now);
  return (
    <Card
      id="updates" title="Told stakeholders" scope={next ? <span className={next.late ? "failure" : undefined}>{next.text}</span> : undefined}
      end={works && <button type="button" className="btn small" onClick={() => setWriting(true)}><Icon name="mail" size="m" />Update</button>}
    >
      <Loaded query={query} what="status updates">
        {(page) => (page.items.length === 0
          ? <EmptyState title="Stakeholders were told nothing yet"><p>An update goes to the audience of the service. Promise the next one, and you are reminded of it.</p></EmptyState>
          : page.items.map((one) => (
            <div key={one.id} className="moving-row">
              <span className="wrap">{one.text}</span>
              <span className="t12 dim3 wrap">{nameOf(one.by)}, <RelativeTime at={one.at} suffix=" ago" /> · {one.audience.length > 0 ? `to ${one.audience.join(", ")}` : "to nobody"}{one.unreached && <span className="failure"> · {one.unreached}</span>}</span>
            </div>
          )))}
      </Loaded>
      <Modal opened={writing} onClose={() => setWriting(false)} title="Tell stakeholders" size={560}>
        {writing && <NewUpdate incident={incident} onClose={() => setWriting(false)} />}
      </Modal>
    </Card>
  );
}

function NewUpdate({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const send = usePostUpdate();
  const templates = useNames("StatusTemplate", incident.namespace, true);
  const [template, setTemplate] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [next, setNext] = useState<string>(incident.updates ? "" : "30m");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        send.mutate({ incident: incident.id, ...(template ? { template } : { text: text.trim() }), ...(next ? { next_update_in: next } : {}) }, { onSuccess: onClose });
      }}
    >
      {(templates.data ?? []).length > 0 && <Select label="Template" placeholder="Write it freely" clearable data={templates.data ?? []} value={template} onChange={setTemplate} />}
      {template === null && <Textarea label="How it stands" autosize minRows={3} maxRows={12} value={text} data-autofocus onChange={(event) => setText(event.currentTarget.value)} />}
      <Select label="The next update" allowDeselect={false} data={PERIODS.filter(([value]) => value !== "" || incident.updates).map(([value, label]) => ({ value, label }))} value={next} onChange={(value) => setNext(value ?? "")} />
      <p className="dim t12">It goes to the audience of {incident.service ?? "the service; none is known, so nobody hears of it"}.</p>
      {send.error && <ErrorState error={send.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={send.isPending || (template === null && text.trim() === "")}>Send</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
