/** One workflow: what it does step by step, its document, its runs, and the form that starts one. */
import { Link, useParams } from "@tanstack/react-router";

import { useShort } from "../../data/lists";
import type { Run } from "../../data/types";
import { useWorkflow } from "../../data/workflows";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { plural } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { document } from "../policies/view";
import { startedBy } from "../runs/view";
import { StartForm } from "./StartForm";
import { describe, stepsOf } from "./view";

export default function WorkflowPage() {
  const { namespace = "", name = "" } = useParams({ strict: false });
  const query = useWorkflow(namespace, name);
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the workflow" /></div>;
  const workflow = query.data;
  const text = document("Workflow", workflow);
  const steps = stepsOf(workflow);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <span>{workflow.namespace}</span>
            <span>gen {workflow.generation}, since <RelativeTime at={workflow.updated_at} suffix=" ago" /> by {workflow.applied_by}</span>
            {workflow.owner && <span>owner {workflow.owner}</span>}
          </div>
          <h1>{workflow.name}</h1>
          {describe(workflow) !== "" && <p className="dim">{describe(workflow)}</p>}
        </div>
        <div className="actions"><CopyButton text={text} label="Copy as YAML" /></div>
      </div>
      <div className="columns start-first">
        <div>
          <Card title="Steps" scope={plural(steps.length, "step")}>
            <ol>
              {steps.map((step, index) => (
                <li key={step.id} className="moving-row">
                  <span className="row"><span className="dim3 step-number">{index + 1}</span><b className="mono med cut">{step.id}</b><span className="mono dim3 end nowrap">{step.uses}</span></span>
                  {step.notes.length > 0 && <span className="t12 dim3 wrap step-notes">{step.notes.join(" · ")}</span>}
                </li>
              ))}
            </ol>
          </Card>
          <Card title="Document" scope="YAML, as it is in force" className="clip"><Yaml text={text} label={`The workflow ${workflow.name} as YAML`} /></Card>
        </div>
        <div>
          <Card title="Start a run" id="start"><StartForm key={workflow.generation} workflow={workflow} /></Card>
          <LastRuns namespace={workflow.namespace} name={workflow.name} />
        </div>
      </div>
    </div>
  );
}

function LastRuns({ namespace, name }: { namespace: string; name: string }) {
  const runs = useShort<Run>("runs", { type: name, namespace, limit: 10 });
  return (
    <Card title="Runs" scope="the newest 10" end={<Link to="/runs">All runs</Link>}>
      <Loaded query={runs} what="runs">
        {(page) => page.items.length === 0
          ? <EmptyState title="It has not run yet"><p>Start it above, or name it in a policy’s <span className="mono">respond</span>.</p></EmptyState>
          : page.items.map((run) => (
            <Link key={run.id} to="/runs/$id" params={{ id: run.id }} className="moving-row">
              <span className="row"><StateMark state={run.state} /><span className="dim3 cut grow">by {startedBy(run)}</span><span className="dim3 nowrap"><RelativeTime at={run.started_at} /></span></span>
              {run.reason && <span className="t12 dim3 wrap">{run.reason}</span>}
            </Link>
          ))}
      </Loaded>
    </Card>
  );
}
