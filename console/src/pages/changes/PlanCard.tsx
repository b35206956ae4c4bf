/** What is agreed to: the steps that each target gets, how each is validated and undone, and the terms around them. */
import type { Change } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { Json } from "../../parts/Code";
import { plural } from "../../parts/format";
import { planSteps, termsOf } from "./view";

export function PlanCard({ change }: { change: Change }) {
  const steps = planSteps(change.spec.steps);
  return (
    <Card
      id="plan" title="Plan" scope={`${plural(steps.length, "step")} for each target`} className="clip"
      end={<PlanHash change={change} />}
    >
      <ol className="plan-steps" aria-label="Steps for each target">
        {steps.map((step) => (
          <li key={step.id}>
            <span className="row wrapping"><b className="med">{step.title}</b><span className="mono dim3">{step.does}</span>{step.irreversible && <span className="tag">cannot be undone</span>}</span>
            <Pairs entries={[["Validated", step.looks && <span key="l" className="mono wrap">{step.looks}</span>], ["Rollback", step.undoes ? <span key="u" className="mono">{step.undoes}</span> : step.irreversible || !step.acts ? null : <span key="n" className="dim3">nothing undoes it</span>]]} />
          </li>
        ))}
      </ol>
      <div className="card-body"><Pairs entries={termsOf({ ...change.spec, approvals: change.plan?.approvals ?? change.spec.approvals })} /></div>
      {Object.keys(change.inputs).length > 0 && <div className="card-body stack" style={{ gap: 6 }}><h3 className="heading">Inputs</h3><Json value={change.inputs} label="Inputs of the change" /></div>}
    </Card>
  );
}

/** What those who agree agree to, by its hash. */
export function PlanHash({ change }: { change: Change }) {
  const hash = change.plan?.hash;
  if (hash === undefined) return "not planned yet";
  return <span title={hash}>{change.approved === hash ? "agreed to as" : "as of"} <span className="mono">{hash.slice(0, 12)}</span></span>;
}
