/** What a run would do, as a tree, and from there the run. */
import { Modal } from "@mantine/core";

import type { DryRun, PlannedStep } from "../../data/types";
import { Json } from "../../parts/Code";
import { capital, count } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";
import { left, nameOf, notesOf, summary, takesOf, VERDICTS, whyOf } from "./dry-run";

interface Props {
  /** Absent while none was asked for. */
  dryRun: DryRun | undefined;
  busy: boolean;
  /** Why it did not start. */
  error: Error | null;
  onClose: () => void;
  start: () => void;
}

export function DryRunDialog({ dryRun, busy, error, onClose, start }: Props) {
  return (
    <Modal opened={dryRun !== undefined} onClose={onClose} title={`Dry run of ${dryRun?.workflow ?? ""}`} size={860}>
      {dryRun && (
        <div className="stack">
          <div>
            <p className="med">{capital(summary(dryRun))}.</p>
            <p className="dim">Nothing was started, and nothing outside was asked. What depends on the outcome of a step is not known before.</p>
          </div>
          {dryRun.fails.length > 0 && <div className="notice critical" role="alert"><Icon name="incident" /><p className="wrap"><strong>It fails as it is</strong> at <span className="mono">{dryRun.fails.join(", ")}</span>. What those lines say has to be mended first.</p></div>}
          <ol className="dry-run" aria-label="What would be done">{dryRun.steps.map((step) => <Planned key={step.step} step={step} />)}</ol>
          {Object.keys(dryRun.inputs).length > 0 && <details><summary className="dim">Inputs of the run, with what is left out</summary><Json value={dryRun.inputs} label="Inputs of the run" /></details>}
          {error && <ErrorState error={error} />}
          <div className="row dialog-foot">
            <button type="button" className={dryRun.fails.length > 0 ? "btn" : "btn primary"} disabled={busy} onClick={start}>{dryRun.fails.length > 0 ? "Start it all the same" : "Start run"}</button>
            <button type="button" className="btn" onClick={onClose}>Back</button>
          </div>
        </div>
      )}
    </Modal>
  );
}

function Planned({ step }: { step: PlannedStep }) {
  const { words, icon, tone } = VERDICTS[step.verdict];
  const notes = notesOf(step);
  const takes = takesOf(step);
  const below = step.steps ?? [];
  return (
    <li className={step.verdict === "skipped" ? "faint" : undefined}>
      <div className="row wrapping" style={{ alignItems: "baseline" }}>
        <span className={`state ${tone}`}><Icon name={icon} />{words}</span>
        <b className="mono wrap">{nameOf(step)}</b>
        {step.form !== "item" && step.form !== "case" && <span className="dim3 t12">{step.form.replaceAll("_", " ")}</span>}
        {step.title && <span className="dim wrap">{step.title}</span>}
      </div>
      {step.does && step.form !== "case" && <p className="wrap">{step.does}</p>}
      {step.why && <p className={step.verdict === "fails" ? "wrap failure" : "wrap dim"}>{whyOf(step)}</p>}
      {notes.length > 0 && <p className="t12 dim3 wrap">{capital(notes.join(" · "))}</p>}
      {takes !== null && <details><summary className="t12 dim3">What it takes</summary><Json value={takes} label={`What ${step.step} takes`} /></details>}
      {below.length > 0 && <ol>{below.map((inner) => <Planned key={`${inner.step} ${inner.form}`} step={inner} />)}</ol>}
      {left(step) > 0 && <p className="t12 dim3">and {count(left(step))} more items, in the same way</p>}
    </li>
  );
}
