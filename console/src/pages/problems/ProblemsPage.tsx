/** Problems and known errors: what is behind incidents, and what helps meanwhile. A row opens the panel beside the list. */
import { Modal, Textarea, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import type { Page } from "../../data/http";
import { useDetail, useList } from "../../data/lists";
import { nameOf, useMay, useMe } from "../../data/me";
import type { Incident, ProblemRecord } from "../../data/types";
import { useChangeProblem, useMoveProblem, useTakeFromProblem } from "../../data/work";
import { Announce } from "../../parts/Announce";
import { Pairs } from "../../parts/Card";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField, Segments } from "../../parts/Filters";
import { plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { PriorityTag, StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { matchersText } from "../quiet/view";
import { NewProblem } from "./NewProblem";
import { MOVES } from "./view";

const STATES: Record<string, string> = { "": "open,known_error", resolved: "resolved,closed", all: "" };

export default function ProblemsPage() {
  const [filters, change] = useFilters();
  const may = useMay();
  const me = useMe().data;
  const [adding, setAdding] = useState(false);
  const current = filters["show"];
  const close = useCallback(() => change({ show: undefined, full: undefined }), [change]);
  const list = useList<ProblemRecord>("problems", { q: filters["q"], state: STATES[filters["state"] ?? ""] ?? "", namespace: filters["namespace"] });
  const columns: readonly Column<ProblemRecord>[] = [
    { id: "id", head: "Id", width: "84px", cell: (row) => <span className="mono">{row.id}</span> },
    { id: "title", head: "Problem, workaround", cell: (row) => <><button type="button" className="as-link title" onClick={() => change({ show: row.id })}>{row.title}</button><span className="second">{row.workaround || "no workaround is known"}</span></> },
    { id: "state", head: "State, who", width: "140px", cell: (row) => <><StateMark state={row.state} /><span className="second">{nameOf(row.assignee) || "nobody yet"}</span></> },
    { id: "incidents", head: "Incidents", width: "96px", num: true, cell: (row) => row.incidents_total },
    ...(current ? [] : [{ id: "seen", head: "Last seen", width: "110px", num: true, cell: (row: ProblemRecord) => <RelativeTime at={row.last_seen_at} suffix=" ago" /> }]),
  ];
  return (
    <>
      <div className="page fixed">
        <div className="page-head">
          <div><h1 className="place">Problems</h1><p className="dim">What is behind incidents. A new incident that matches says so, with the workaround. <HelpLink page="how-to/problems.md">How they are recognised</HelpLink></p></div>
          {may("problem:write") && <div className="actions"><button type="button" className="btn primary" onClick={() => setAdding(true)}><Icon name="plus" size="m" />New problem</button></div>}
        </div>
        <div className="filters">
          <SearchField label="Search titles and ids" />
          <Segments name="state" label="State" options={[{ value: "", label: "Open" }, { value: "resolved", label: "Resolved" }, { value: "all", label: "All" }]} />
          <ClearFilters names={["q", "state"]} />
          <Announce resource="problems" one="problem" />
        </div>
        <section className="card fill" aria-label="Problems">
          {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
            : list.isLoading ? <Loading what="problems" />
            : (
              <DataTable
                label="Problems" rows={list.items} columns={columns} rowKey={(row) => row.id} two current={current} more={list.more} loadMore={list.loadMore}
                onOpen={(row) => change({ show: row.id })}
                empty={<EmptyState title="No problem fits"><p>Write one above, or make one of an incident on its page: whatever has the same alerts comes from it, too.</p></EmptyState>}
                card={(row) => (
                  <div className="card-row">
                    <span className="row"><span className="mono">{row.id}</span><StateMark state={row.state} /><span className="end dim3 t12">{plural(row.incidents_total, "incident")}</span></span>
                    <button type="button" className="as-link title" onClick={() => change({ show: row.id })}>{row.title}</button>
                    <span className="t12 dim wrap">{row.workaround || "no workaround is known"}</span>
                  </div>
                )}
              />
            )}
          {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
        </section>
      </div>
      {current && <Panel key={current} id={current} onClose={close} />}
      <NewProblem opened={adding} onClose={() => setAdding(false)} namespace={filters["namespace"] ?? me?.home ?? "default"} />
    </>
  );
}

function Panel({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useDetail<ProblemRecord>("problems", id);
  return (
    <SidePanel label="Problem" onClose={onClose} title={<span className="row"><span className="mono">{id}</span>{query.data && <StateMark state={query.data.state} />}</span>}>
      <Loaded query={query} what="the problem">{(problem) => <Body problem={problem} />}</Loaded>
    </SidePanel>
  );
}

function Body({ problem }: { problem: ProblemRecord }) {
  const move = useMoveProblem();
  const take = useTakeFromProblem();
  const may = useMay();
  const incidents = useDetail<Page<Incident>>("problems", problem.id, "incidents");
  const [editing, setEditing] = useState(false);
  const works = problem.state !== "closed" && may("problem:write", problem.namespace);
  return (
    <>
      <div className="panel-section stack">
        <h1 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{problem.title}</h1>
        {works && (
          <div className="row wrapping">
            <button type="button" className="btn primary" onClick={() => setEditing(true)}>Edit</button>
            {MOVES[problem.state].map(({ to, label }) => <button key={to} type="button" className="btn" disabled={move.isPending} onClick={() => move.mutate({ id: problem.id, state: to })}>{label}</button>)}
          </div>
        )}
        {move.error && <ErrorState error={move.error} />}
        {problem.workaround ? <p className="wrap" style={{ whiteSpace: "pre-wrap" }}><strong>Workaround:</strong> {problem.workaround}</p> : <p className="dim">No workaround is known yet.</p>}
        {problem.description && <p className="wrap" style={{ whiteSpace: "pre-wrap" }}>{problem.description}</p>}
      </div>
      <div className="panel-section">
        <Pairs entries={[
          ["Behind it", problem.root_cause], ["Who has it", nameOf(problem.assignee) || "nobody yet"], ["Service", problem.service], ["Resource", problem.resource],
          ["Matches", problem.matchers.length > 0 ? <span key="m" className="mono wrap">{matchersText(problem.matchers)}</span> : null],
          ["Knows again", problem.fingerprints.length > 0 ? plural(problem.fingerprints.length, "alert") : null],
          ["Opened", <span key="o"><RelativeTime at={problem.opened_at} suffix=" ago" /> by {nameOf(problem.opened_by)}</span>],
        ]} />
      </div>
      <div className="panel-section stack" style={{ gap: 0 }}>
        <h2 className="heading">{plural(problem.incidents_total, "incident")}</h2>
        <Loaded query={incidents} what="its incidents">
          {(page) => <>{page.items.map((one) => (
            <div key={one.id} className="moving-row">
              <span className="row"><PriorityTag priority={one.priority} /><Link to="/incidents/$id" params={{ id: one.id }} className="grow cut">{one.title}</Link><StateMark state={one.state} />
                {works && one.state !== "closed" && <button type="button" className="btn ghost small" aria-label={`Not it: ${one.id}`} title="It does not come from this problem" disabled={take.isPending} onClick={() => take.mutate({ id: problem.id, incident: one.id })}>Not it</button>}
              </span>
              <span className="t12 dim3"><span className="mono">{one.id}</span> · <RelativeTime at={one.opened_at} suffix=" ago" /></span>
            </div>
          ))}</>}
        </Loaded>
        {take.error && <ErrorState error={take.error} />}
      </div>
      <Modal opened={editing} onClose={() => setEditing(false)} title={`Edit ${problem.id}`} size={560}>{editing && <Edit problem={problem} onClose={() => setEditing(false)} />}</Modal>
    </>
  );
}

function Edit({ problem, onClose }: { problem: ProblemRecord; onClose: () => void }) {
  const save = useChangeProblem();
  const [texts, setTexts] = useState({ title: problem.title, workaround: problem.workaround, root_cause: problem.root_cause, description: problem.description, assignee: problem.assignee ?? "" });
  const set = (name: keyof typeof texts, value: string): void => setTexts((all) => ({ ...all, [name]: value }));
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); save.mutate({ id: problem.id, ...texts }, { onSuccess: onClose }); }}>
      <TextInput label="Title" required withAsterisk={false} value={texts.title} data-autofocus onChange={(event) => set("title", event.currentTarget.value)} />
      <Textarea label="Workaround" description="With one, it is a known error." autosize minRows={2} maxRows={10} value={texts.workaround} onChange={(event) => set("workaround", event.currentTarget.value)} />
      <Textarea label="What is behind it" autosize minRows={2} maxRows={10} value={texts.root_cause} onChange={(event) => set("root_cause", event.currentTarget.value)} />
      <Textarea label="Description" autosize minRows={2} maxRows={10} value={texts.description} onChange={(event) => set("description", event.currentTarget.value)} />
      <TextInput label="Who has it" placeholder="nobody yet" value={texts.assignee} onChange={(event) => set("assignee", event.currentTarget.value)} />
      {save.error && <ErrorState error={save.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={save.isPending || texts.title.trim() === ""}>Save</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
