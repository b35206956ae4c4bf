/** What approving leads to: the steps to come, by dry run with what the others came to, and what a failure would undo. */
import { useDetail } from "../../data/lists";
import { useMay } from "../../data/me";
import type { Ahead, RunDetail } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { flowOf } from "../../parts/flow";
import { capital } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { Loaded } from "../../parts/states";
import { undoable } from "../runs/why";
import { irreversible, summary, undone } from "../workflows/dry-run";
import { PlannedSteps } from "../workflows/PlannedSteps";
import { ifItFailsLater } from "./view";

/** Steps that are shown before the others are asked for. */
const FEW = 3;

export function WhatFollows({ run: id }: { run: string }) {
  const run = useDetail<RunDetail>("runs", id).data;
  const query = useDetail<Ahead>("runs", id, "ahead");
  const may = useMay();
  if (run === undefined || !may("run:read", run.namespace)) return null;
  return <Loaded query={query} what="what follows">{(ahead) => <Steps run={run} ahead={ahead} />}</Loaded>;
}

function Steps({ run, ahead }: { run: RunDetail; ahead: Ahead }) {
  const { steps } = ahead;
  const forGood = irreversible(steps, flowOf(run.definition?.steps));
  if (steps.length === 0) return <p className="dim">No step follows: the run ends.</p>;
  return (
    <section className="stack" style={{ gap: 8 }} aria-label="What follows">
      <div className="row wrapping"><h3 className="heading">If it is approved</h3><span className="dim3 t12">{summary(ahead)}</span></div>
      {ahead.fails.length > 0 && <div className="notice critical"><Icon name="incident" /><p className="wrap"><strong>As it is, the run would fail</strong> at <span className="mono">{ahead.fails.join(", ")}</span>.</p></div>}
      <PlannedSteps brief label="Steps that follow" steps={steps.slice(0, FEW)} />
      {steps.length > FEW && <details><summary className="dim t12">and {String(steps.length - FEW)} more</summary><PlannedSteps brief label="More steps that follow" steps={steps.slice(FEW)} /></details>}
      <Pairs
        entries={[
          ["If it fails", capital(ifItFailsLater(run, undoable(run), undone(steps)))],
          ["For good", forGood.length > 0 ? `${forGood.join(", ")} cannot be undone` : null],
        ]}
      />
    </section>
  );
}
