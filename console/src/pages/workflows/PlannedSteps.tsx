/** Steps as far as they are known before they begin: each with what it would do, what that depends on, and what it takes. */
import type { PlannedStep } from "../../data/types";
import { Json } from "../../parts/Code";
import { capital, count } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { concealed } from "../../parts/json";
import { left, nameOf, notesOf, takesOf, VERDICTS, whyOf } from "./dry-run";

/** `brief` leaves out what one does not need to decide: what it takes, and what a crash in the middle would mean. */
export function PlannedSteps({ label, steps, brief = false }: { label: string; steps: readonly PlannedStep[]; brief?: boolean }) {
  return <ol className={brief ? "dry-run brief" : "dry-run"} aria-label={label}>{steps.map((step) => <Planned key={step.step} step={step} brief={brief} />)}</ol>;
}

function Planned({ step, brief }: { step: PlannedStep; brief: boolean }) {
  const { words, icon, tone } = VERDICTS[step.verdict];
  const notes = brief ? [] : notesOf(step);
  const takes = brief ? null : takesOf(step);
  const below = step.steps ?? [];
  return (
    <li className={step.verdict === "skipped" ? "faint" : undefined}>
      <div className="row wrapping" style={{ alignItems: "baseline" }}>
        {brief && step.verdict === "runs"
          ? <span className="state"><Icon name="resolved" /><span className="sr">{words}</span></span>
          : <span className={`state ${tone}`}><Icon name={icon} />{words}</span>}
        <b className="mono wrap">{nameOf(step)}</b>
        {step.form !== "item" && step.form !== "case" && <span className="dim3 t12">{step.form.replaceAll("_", " ")}</span>}
        {step.title && <span className="dim wrap">{step.title}</span>}
      </div>
      {step.does && step.form !== "case" && <p className="wrap">{capital(step.does)}</p>}
      {step.why && <p className={step.verdict === "fails" ? "wrap failure" : "wrap dim"}>{whyOf(step)}</p>}
      {notes.length > 0 && <p className="t12 dim3 wrap">{capital(notes.join(" · "))}</p>}
      {takes !== null && <details><summary className="t12 dim3">What it takes</summary><Json value={concealed(takes)} label={`What ${step.step} takes`} /></details>}
      {below.length > 0 && <ol>{below.map((inner) => <Planned key={`${inner.step} ${inner.form}`} step={inner} brief={brief} />)}</ol>}
      {left(step) > 0 && <p className="t12 dim3">and {count(left(step))} more items, in the same way</p>}
    </li>
  );
}
