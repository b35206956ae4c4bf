/** One escalation policy: who would be told when, of an incident of a priority that opens at an instant; and its document. */
import { TextInput } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { usePlan } from "../../data/calling";
import { useDocument } from "../../data/policies";
import type { EscalationPlan, Manifest } from "../../data/types";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { exact, moment, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { useFilters } from "../../shell/filters";
import { document } from "../policies/view";
import { after, branchText, said, terms } from "./view";

const PRIORITIES = ["P1", "P2", "P3", "P4", "P5"] as const;

export default function PlanPage() {
  const { namespace = "", name = "" } = useParams({ strict: false });
  const manifest = useDocument("EscalationPolicy", namespace, name);
  if (manifest.error && !manifest.data) return <div className="page"><ErrorState error={manifest.error} retry={() => void manifest.refetch()} /></div>;
  if (!manifest.data) return <div className="page"><Loading what="the escalation policy" /></div>;
  const policy = manifest.data;
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled"><span>{policy.namespace}</span><span>gen {policy.generation}, <RelativeTime at={policy.updated_at} suffix=" ago" /></span>{terms(policy).map((term) => <span key={term}>{term}</span>)}</div>
          <h1>{policy.name}</h1>
          {said(policy) && <p className="dim">{said(policy)}</p>}
        </div>
      </div>
      <PlanCard policy={policy} />
      <Card title="As it is in force" end={<CopyButton text={document("EscalationPolicy", policy)} label="Copy as YAML" />} className="clip">
        <Yaml text={document("EscalationPolicy", policy)} label={`${policy.name} as YAML`} />
      </Card>
    </div>
  );
}

function PlanCard({ policy }: { policy: Manifest }) {
  const [filters, change] = useFilters();
  const priority = PRIORITIES.find((one) => one === filters["priority"]) ?? "P1";
  const local = filters["at"];
  const instant = local === undefined ? Number.NaN : Date.parse(local);
  const plan = usePlan(policy.namespace, policy.name, priority, Number.isNaN(instant) ? undefined : new Date(instant).toISOString());
  return (
    <Card title="Plan" scope="of an incident that nobody acknowledges">
      <div className="plan-ask">
        <span className="segments" role="group" aria-label="Priority of the incident">
          {PRIORITIES.map((one) => <button key={one} type="button" aria-pressed={one === priority} onClick={() => change({ priority: one })}>{one}</button>)}
        </span>
        <TextInput label="It opens at" type="datetime-local" size="xs" value={local ?? ""} onChange={(event) => change({ at: event.currentTarget.value || undefined })} />
        {local !== undefined && <button type="button" className="btn small" onClick={() => change({ at: undefined })}>Now</button>}
      </div>
      <Loaded query={plan} what="the plan">{(found) => <Plan plan={found} policy={policy} />}</Loaded>
    </Card>
  );
}

/** Rounds that are drawn; those that follow are alike. */
const SHOWN_ROUNDS = 2;

function Plan({ plan, policy }: { plan: EscalationPlan; policy: Manifest }) {
  const now = useNow();
  const branch = branchText(plan, policy);
  const rounds = 1 + Math.max(0, ...plan.steps.map((step) => step.cycle));
  return (
    <>
      {branch && <p className="dim t12" style={{ padding: "0 12px 8px" }}>{branch}</p>}
      <ol className="plan" aria-label="Who is told when">
        {plan.steps.filter((step) => step.cycle < SHOWN_ROUNDS).map((step) => (
          <li key={`${String(step.cycle)}-${String(step.level)}`}>
            <time dateTime={step.at} title={exact(step.at)}><b className="med">{after(step.at, plan.at)}</b><span className="dim3 t12">{moment(step.at, now)}</span></time>
            <div className="stack" style={{ gap: 2, minWidth: 0 }}>
              <span className="row wrapping"><span className="med">Level {step.level}</span>{rounds > 1 && <span className="tag">round {step.cycle + 1}</span>}<span className="mono dim wrap">{step.tell.join(", ")}</span></span>
              {step.ways.map((way) => (
                <span key={`${way.channel} ${way.at}`} className="t12 row wrapping"><Icon name="mail" size="s" /><span>{way.channel}</span><span className="dim3">for {way.to}, {way.at === step.at ? "at once" : `${after(way.at, step.at)}, ${moment(way.at, now)}`}</span></span>
              ))}
              {step.missing && <span className="t12 failure wrap">{step.ways.length === 0 ? "Nobody is told: " : "Not all of them: "}{step.missing}</span>}
            </div>
          </li>
        ))}
      </ol>
      <p className="dim t12" style={{ padding: "8px 12px" }}>
        {rounds > SHOWN_ROUNDS && `${plural(rounds - SHOWN_ROUNDS, "more round")} like the last one ${rounds - SHOWN_ROUNDS === 1 ? "follows" : "follow"}. `}
        {plan.then ? `Then the policy ${plan.then} goes on.` : "Then it is exhausted: nobody else is called by itself."}
      </p>
    </>
  );
}
