/** What people do with a run. A control is there only where it works, and says first what it will do. */
import { Checkbox, Modal, Select, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { Problem } from "../../data/http";
import { useMay } from "../../data/me";
import { useCancelRun, useForkRun, useOnStep, usePauseRun } from "../../data/runs";
import type { RunDetail, Step } from "../../data/types";
import { useWorkflow } from "../../data/workflows";
import { Ask } from "../../parts/ask";
import { flowOf, type FlowStep } from "../../parts/flow";
import { Icon } from "../../parts/Icon";
import { ErrorState, Loaded } from "../../parts/states";
import { InputsForm } from "../workflows/InputsForm";
import { actsOf } from "./steps";
import { isOver, isStopping, isTakenOver, timeLeft } from "./view";

const REASON = "Reason, kept in the journal with your name";

export function RunControls({ run }: { run: RunDetail }) {
  const may = useMay();
  const [asked, setAsked] = useState<"" | "pause" | "resume" | "cancel" | "stop" | "fork">("");
  const pause = usePauseRun();
  const close = (): void => setAsked("");
  const operates = may("run:operate", run.namespace);
  const ending = !isOver(run);
  const left = timeLeft(run);
  return (
    <>
      {operates && run.state === "running" && !isStopping(run) && <button type="button" className="btn" onClick={() => setAsked("pause")}><Icon name="pause" size="m" />Pause</button>}
      {operates && run.state === "paused" && !run.failed_at && <button type="button" className="btn primary" onClick={() => setAsked("resume")}>Resume</button>}
      {operates && <button type="button" className="btn" onClick={() => setAsked("fork")}><Icon name="run" size="m" />Run anew</button>}
      {ending && run.state !== "rolling_back" && may("run:cancel", run.namespace) && <button type="button" className="btn" onClick={() => setAsked(isStopping(run) ? "stop" : "cancel")}>{run.state === "rollback_failed" ? "Give up" : isStopping(run) ? "Stop at once" : "Cancel run"}</button>}
      <Ask
        opened={asked === "pause"} onClose={close} title="Pause this run?" act="Pause" effect="What is under way ends; nothing more is begun until somebody resumes it. The time that it may take stands still as well."
        field={{ label: REASON, placeholder: "optional" }} run={(reason) => pause.mutateAsync({ id: run.id, verb: "pause", reason })}
      />
      <Ask
        opened={asked === "resume"} onClose={close} title="Resume this run?" act="Resume" effect={`It goes on where it stopped${left === null ? "" : `, with ${left} left`}.`}
        field={{ label: REASON, placeholder: "optional" }} run={(reason) => pause.mutateAsync({ id: run.id, verb: "resume", reason })}
      />
      <Modal opened={asked === "cancel" || asked === "stop"} onClose={close} title={run.state === "rollback_failed" ? "Give this rollback up?" : asked === "stop" ? "Stop this run at once?" : "Cancel this run?"} size={480}>{(asked === "cancel" || asked === "stop") && <Cancelling run={run} atOnce={asked === "stop"} close={close} />}</Modal>
      <Modal opened={asked === "fork"} onClose={close} title={`Run ${run.workflow} anew`} size={560}>{asked === "fork" && <Forking run={run} close={close} />}</Modal>
    </>
  );
}

/** `atOnce` is what the button said when it was pressed, whoever else has stopped the run since. */
function Cancelling({ run, atOnce, close }: { run: RunDetail; atOnce: boolean; close: () => void }) {
  const cancel = useCancelRun();
  const [reason, setReason] = useState("");
  const isAsked = run.wants === "undo";
  const [rollback, setRollback] = useState(isAsked);
  const gaveUp = run.state === "rollback_failed";
  const undoable = (run.steps ?? []).filter((step) => step.compensation && !step.undone).length;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    cancel.mutate({ id: run.id, rollback, atOnce, reason: reason.trim() }, { onSuccess: close });
  };
  return (
    <form className="stack" onSubmit={submit}>
      <p className="dim">{gaveUp
        ? `What was done and not yet undone stays as it is, ${run.undoing ?? "the step it stopped at"} among it. The run ends as failed.`
        : atOnce ? `It was stopped, and what is under “finally” is still being done. That is stopped as well. ${rollback ? "Then what it did is undone, the last thing first." : "What was done stays done."}`
        : `What is under way is told to stop, and nothing more is begun but what “finally” says. ${rollback ? "Then what it did is undone, the last thing first." : "What was done stays done."}`}</p>
      {!gaveUp && !isAsked && undoable > 0 && <Checkbox label={`Undo what it did: ${undoable === 1 ? "1 step" : `${String(undoable)} steps`}`} checked={rollback} onChange={(event) => setRollback(event.currentTarget.checked)} />}
      <TextInput label={REASON} placeholder="optional" value={reason} data-autofocus onChange={(event) => setReason(event.currentTarget.value)} />
      {cancel.error && <ErrorState error={cancel.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={cancel.isPending}>{gaveUp ? "Give it up" : atOnce ? "Stop at once" : rollback ? "Cancel and roll back" : "Cancel the run"}</button>
        <button type="button" className="btn" onClick={close}>Back</button>
      </div>
    </form>
  );
}

/** Another run from a step on: with what the steps before it came to, and with inputs of one's own. */
export function Forking({ run, from, close }: { run: RunDetail; from?: string; close: () => void }) {
  const workflow = useWorkflow(run.namespace, run.workflow);
  const fork = useForkRun();
  const navigate = useNavigate();
  const [again, setAgain] = useState(false);
  const [step, setStep] = useState(from ?? run.failed_at?.split(/[/[~]/)[0] ?? "");
  return (
    <Loaded query={workflow} what="the workflow">
      {({ spec, generation }) => {
        const ids = flowOf(spec["steps"]).map((one) => one.id);
        const begin = ids.includes(step) ? step : ids[0] ?? "";
        const before = ids.slice(0, ids.indexOf(begin));
        const taken = before.filter((id) => (run.steps ?? []).some((one) => one.address === id && isTakenOver(one)));
        return (
          <InputsForm
            label={`Run ${run.workflow} anew`} schema={spec["inputs"]} given={run.inputs ?? {}} act="Start another run" busy={fork.isPending} error={fork.error} reset={fork.reset}
            note={`As gen ${String(generation)}, the one in force`}
            send={(inputs) => fork.mutate({ id: run.id, step: begin, inputs, again }, { onSuccess: (made) => { close(); void navigate({ to: "/runs/$id", params: { id: made.id } }); } })}
          >
            <p className="dim">{before.length === 0 ? "It is run from its beginning." : taken.length === 0 ? "It takes over nothing of what came before." : `It takes over what ${taken.join(", ")} came to.`} Approvals are asked for again. This run stays as it is.</p>
            <Select label="From step" data={ids} value={begin} allowDeselect={false} onChange={(value) => { setStep(value ?? ""); setAgain(false); fork.reset(); }} />
            {(again || (fork.error instanceof Problem && fork.error.code === "run.does_again")) && <Checkbox label="Do them again" checked={again} onChange={(event) => setAgain(event.currentTarget.checked)} />}
          </InputsForm>
        );
      }}
    </Loaded>
  );
}

/** Where a step is one of many, it offers a run from there on too, and nothing stands out; that is left to what says why the run stopped. */
export function StepControls({ step, run, flow, forks = true }: { step: Step; run: RunDetail; flow: readonly FlowStep[]; forks?: boolean }) {
  const may = useMay();
  const act = useOnStep();
  const [asked, setAsked] = useState<"" | "retry" | "skip" | "fork">("");
  if (!may("run:operate", run.namespace)) return null;
  const acts = actsOf(step, run, flow);
  const close = (): void => setAsked("");
  return (
    <>
      {acts.retry !== null && <button type="button" className={forks ? "btn small" : "btn small primary"} onClick={() => setAsked("retry")}>Try again</button>}
      {acts.skip !== null && <button type="button" className="btn small" onClick={() => setAsked("skip")}>{acts.skipWord}</button>}
      {forks && acts.fork !== null && <button type="button" className="btn small" onClick={() => setAsked("fork")}>Run anew from here</button>}
      <Ask
        opened={asked === "retry"} onClose={close} title={`Try ${step.address} again?`} act="Try again" effect={acts.retry}
        field={{ label: REASON, placeholder: "optional" }} run={(reason) => act.mutateAsync({ id: run.id, verb: "retry", step: step.address, reason })}
      />
      <Ask
        opened={asked === "skip"} onClose={close} title={`${acts.skipWord}: ${step.address}?`} act={acts.skipWord} effect={acts.skip}
        field={{ label: REASON, required: true }} run={(reason) => act.mutateAsync({ id: run.id, verb: "skip", step: step.address, reason })}
      />
      <Modal opened={asked === "fork"} onClose={close} title={`Run ${run.workflow} anew from ${step.address}`} size={560}>{asked === "fork" && <Forking run={run} from={step.address} close={close} />}</Modal>
    </>
  );
}
