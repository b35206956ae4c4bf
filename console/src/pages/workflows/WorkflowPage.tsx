/** One workflow: its steps as a graph, its document and versions, its runs, the form that starts one, and its editor. */
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";

import { useShort } from "../../data/lists";
import { nameOf, useMay, withNames } from "../../data/me";
import { useVersions } from "../../data/policies";
import type { Manifest, Run } from "../../data/types";
import { useWorkflow } from "../../data/workflows";
import { Card, Pairs } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { flowOf, found } from "../../parts/flow";
import { FlowGraph } from "../../parts/FlowGraph";
import { plural } from "../../parts/format";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { useFilters } from "../../shell/filters";
import { Editing, type Base } from "../policies/Editing";
import { Versions } from "../policies/Versions";
import { document } from "../policies/view";
import { Stands } from "../runs/Stands";
import { startedBy } from "../runs/view";
import { StartForm } from "./StartForm";
import { Triggers } from "./Triggers";
import { bounds, describe, stepNotes, stepTakes } from "./view";

const Drawn = lazy(() => import("./Drawn"));

export default function WorkflowPage() {
  const { namespace = "", name = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const query = useWorkflow(namespace, name);
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the workflow" /></div>;
  return filters["edit"] === undefined ? <Reading workflow={query.data} /> : <Writing workflow={query.data} from={filters["edit"]} />;
}

/** `edit=1` begins with the workflow in force, `edit=gen-3` with an earlier version. */
function Writing({ workflow, from }: { workflow: Manifest; from: string }) {
  const [, change] = useFilters();
  const versions = useVersions("Workflow", workflow.namespace, workflow.name);
  const now: Base = { text: document("Workflow", workflow), generation: workflow.generation };
  const [base, setBase] = useState(now);
  const close = (): void => change({ edit: undefined });
  const wanted = /^gen-(\d+)$/.exec(from)?.[1];
  const earlier = wanted === undefined ? undefined : versions.data?.items.find((version) => version.generation === Number(wanted) && !version.deleted);
  if (wanted !== undefined && versions.data === undefined && !versions.error) return <div className="page"><Loading what="the earlier version" /></div>;
  return (
    <Editing
      kind="Workflow" title={workflow.name} namespace={workflow.namespace} base={base} latest={workflow.generation === base.generation ? undefined : now} rebase={() => setBase(now)}
      begin={earlier ? document("Workflow", earlier.manifest) : base.text} version={earlier ? `gen-${String(earlier.generation)}` : "in force"} close={close} saved={close}
      meta={<span>from gen {base.generation}{earlier ? `, with the text of gen ${String(earlier.generation)}` : ""}</span>}
    >
      {(draft) => <Suspense fallback={<Loading what="the graph" />}><Drawn draft={draft} /></Suspense>}
    </Editing>
  );
}

function Reading({ workflow }: { workflow: Manifest }) {
  const [, change] = useFilters();
  const writes = useMay()("manifest:write", workflow.namespace);
  const text = document("Workflow", workflow);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <span>{workflow.namespace}</span>
            <span>gen {workflow.generation}, since <RelativeTime at={workflow.updated_at} suffix=" ago" /> by {nameOf(workflow.applied_by)}</span>
            {workflow.owner && <span>owner {nameOf(workflow.owner)}</span>}
          </div>
          <h1>{workflow.name}</h1>
          {describe(workflow) !== "" && <p className="dim">{describe(workflow)}</p>}
        </div>
        <div className="actions">
          <CopyButton text={text} label="Copy as YAML" />
          {writes && <button type="button" className="btn" onClick={() => change({ edit: "1" })}>Edit</button>}
        </div>
      </div>
      <div className="columns start-first">
        <div>
          <Graph workflow={workflow} />
          <Card title="Document" scope="YAML, as it is in force" className="clip"><Yaml text={text} label={`The workflow ${workflow.name} as YAML`} /></Card>
        </div>
        <div>
          <Card title="Start a run" id="start"><StartForm key={workflow.generation} workflow={workflow} /></Card>
          <Triggers workflow={workflow} />
          <LastRuns namespace={workflow.namespace} name={workflow.name} />
          <Versions kind="Workflow" namespace={workflow.namespace} name={workflow.name} generation={workflow.generation} takeBack={writes ? (version) => change({ edit: `gen-${String(version.generation)}` }) : undefined} />
        </div>
      </div>
    </div>
  );
}

function Graph({ workflow }: { workflow: Manifest }) {
  const [filters, change] = useFilters();
  const steps = useMemo(() => flowOf(workflow.spec["steps"]), [workflow.spec]);
  const chosen = filters["step"] === undefined ? null : found(steps, filters["step"]);
  const notes = chosen === null ? [] : stepNotes(workflow.spec["steps"], chosen.id);
  const taken = chosen === null ? "" : stepTakes(workflow.spec["steps"], chosen.id);
  return (
    <Card title="Steps" scope={plural(steps.length, "step")} className="clip">
      <FlowGraph label={`The steps of ${workflow.name}`} steps={steps} chosen={chosen?.id ?? null} choose={(id) => change({ step: id })} />
      {chosen && (
        <div className="card-body stack" aria-live="polite" style={{ gap: 6 }}>
          <span className="row wrapping"><b className="mono">{chosen.id}</b>{chosen.title !== "" && <span>{chosen.title}</span>}<span className="mono dim3">{chosen.about}</span></span>
          {notes.length > 0 && <span className="dim wrap">{notes.join(" · ")}</span>}
          {taken !== "" && <Yaml text={taken} label={`What ${chosen.id} takes`} />}
          {notes.length === 0 && taken === "" && <span className="dim">Nothing else is said of it.</span>}
        </div>
      )}
      <div className="card-body"><Pairs entries={bounds(workflow)} /></div>
    </Card>
  );
}

function LastRuns({ namespace, name }: { namespace: string; name: string }) {
  const runs = useShort<Run>("runs", { type: name, namespace, limit: 10 });
  return (
    <Card title="Runs" scope="the newest 10" end={<Link to="/runs" search={{ type: name }}>All runs</Link>}>
      <Loaded query={runs} what="runs">
        {(page) => page.items.length === 0
          ? <EmptyState title="It has not run yet"><p>Start it above, or name it in a policy’s <span className="mono">respond</span>.</p></EmptyState>
          : page.items.map((run) => (
            <Link key={run.id} to="/runs/$id" params={{ id: run.id }} className="moving-row">
              <span className="row" style={{ alignItems: "flex-start" }}><span className="stack grow" style={{ gap: 0 }}><Stands run={run} /></span><span className="dim3 nowrap"><RelativeTime at={run.started_at ?? run.created_at} suffix=" ago" /></span></span>
              <span className="t12 dim3 wrap">by {nameOf(startedBy(run))}{run.reason ? ` · ${withNames(run.reason)}` : ""}</span>
            </Link>
          ))}
      </Loaded>
    </Card>
  );
}
