/** The attempts at a step, each with how it ended and when the next was to begin; and what its validations saw. */
import { useDetail } from "../../data/lists";
import type { RunDetail, Step, StepAttempt, StepAttempts } from "../../data/types";
import { Json } from "../../parts/Code";
import { clock, duration, exact, plural, without } from "../../parts/format";
import { concealed } from "../../parts/json";
import { StateMark } from "../../parts/marks";
import { Clock } from "../../parts/time";
import { looksOf, mustHold, seen, triesOf } from "./attempts";

const HOLDS: ReadonlySet<string> = new Set(["steps", "for_each", "item", "parallel", "switch", "try", "wait", "approval", "run", "emit", "set"]);

export function Attempts({ run, step }: { run: RunDetail; step: Step }) {
  const those = mustHold(run, step);
  const acts = !HOLDS.has(step.uses) || those.length > 0;
  const read = useDetail<StepAttempts>("runs", run.id, "attempts", { query: { step: step.address }, enabled: acts && step.state !== "skipped" });
  const attempts = read.data?.items ?? [];
  const tries = triesOf(attempts);
  const looks = looksOf(attempts);
  const more = read.data?.more ? <p className="t12 dim3">Earlier ones are in the timeline.</p> : null;
  return (
    <>
      {tries.length > 0 && (
        <section className="attempts" aria-label={`Attempts at ${step.address}`}>
          <h3 className="heading">Attempts</h3>
          <ol>{tries.map((one, index) => <Try key={`${one.ended_at} ${String(index)}`} one={one} />)}</ol>
          {more}
        </section>
      )}
      {those.length > 0 && (looks.length > 0 || (step.looks ?? 0) > 0) && (
        <section className="attempts" aria-label={`What the validation of ${step.address} saw`}>
          <h3 className="heading">Validation <span className="dim3 t12">{plural(step.looks ?? looks.length, "look")}</span></h3>
          <ul className="stack" style={{ gap: 2 }}>{those.map((that) => <li key={that} className="row wrapping"><span className="dim t12">must hold</span><code className="wrap">{that}</code></li>)}</ul>
          {looks.length > 0 && <ol>{looks.map((one, index) => <Look key={`${one.ended_at} ${String(index)}`} one={one} those={those} />)}</ol>}
          {tries.length === 0 && more}
        </section>
      )}
    </>
  );
}

function Try({ one }: { one: StepAttempt }) {
  const took = one.started_at === null ? null : duration(Date.parse(one.ended_at) - Date.parse(one.started_at));
  return (
    <li>
      <span className="row wrapping">
        <b className="med">{one.attempt}</b><StateMark state={one.state} />
        {one.error_code && <span className="reason">{one.error_code}</span>}
        <span className="end t12 dim nowrap">{one.started_at ? <><Clock at={one.started_at} /> to </> : "ended "}<Clock at={one.ended_at} />{took !== null && <span className="dim3"> {took}</span>}</span>
      </span>
      {(one.reason || one.next_try_at) && (
        <span className="t12 dim wrap">{without(one.error_code, one.reason ?? "")}{one.next_try_at && <>{one.reason ? "; the next one at " : "The next one at "}<time dateTime={one.next_try_at} title={exact(one.next_try_at)}>{clock(one.next_try_at)}</time></>}</span>
      )}
    </li>
  );
}

function Look({ one, those }: { one: StepAttempt; those: readonly string[] }) {
  const values = one.state === "succeeded" ? seen(those, one.result) : [];
  return (
    <li>
      <span className="row wrapping">
        <span className="t12 dim"><Clock at={one.ended_at} /></span>
        {one.state === "succeeded" ? <code className="wrap grow">{values.join(", ") || "nothing of its result is asked"}</code> : <span className="wrap grow failure">It could not be looked: {one.error_code && <span className="reason">{one.error_code}</span>} {one.reason}</span>}
      </span>
      {one.result !== null && one.result !== undefined && <details><summary className="t12 dim3">All that it found</summary><Json value={concealed(one.result)} label={`What the look at ${clock(one.ended_at)} found`} /></details>}
    </li>
  );
}
