/**
 * The steps of a text that is being written, as a graph that follows it, and changes it: every change is one of the text in
 * its editor, which takes it back like any other. While the text is not valid, the graph shows what can be read, and waits.
 */
import { useMemo, useState, type KeyboardEvent } from "react";

import { useActions } from "../../data/workflows";
import { Card } from "../../parts/Card";
import { flowOf, found } from "../../parts/flow";
import { FlowGraph } from "../../parts/FlowGraph";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { broken, CannotEdit, Manuscript } from "../../parts/manuscript";
import { EmptyState } from "../../parts/states";
import { readYaml } from "../../parts/yaml-read";
import type { Draft } from "../policies/Editing";
import { AddStep } from "./AddStep";
import { add, addFirst, addLane, idsOf, move, stepsIn, type Edit } from "./step-edit";
import type { NewStep } from "./step-forms";
import { StepForm } from "./StepForm";

const record = (value: unknown): Record<string, unknown> => (typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {});

/** Where a step is to come. */
export type Target = "first" | "before" | "after" | "case" | "catch" | "finally";

export default function Drawn({ draft }: { draft: Draft }) {
  const { text } = draft;
  const fault = useMemo(() => broken(text), [text]);
  const steps = useMemo(() => (fault === null ? stepsIn(text) : flowOf(record(record(readYaml(text))["spec"])["steps"])), [text, fault]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [target, setTarget] = useState<Target | null>(null);
  const [said, setSaid] = useState("");
  const [refused, setRefused] = useState("");
  const changes = fault === null && draft.writes;
  const actions = useActions().data?.items ?? [];
  const step = chosen === null ? null : found(steps, chosen);
  const taken = useMemo(() => idsOf(steps), [steps]);

  /** Makes a change, or says why it cannot be made. */
  const edit = (make: () => Edit, saying: string): void => {
    try {
      const made = make();
      if (!(draft.hand()?.apply(made.before, made.changes) ?? false)) return setRefused("The text was changed at the same time. Look at it, and try again.");
      setChosen(made.chosen);
      setSaid(saying);
      setRefused("");
    } catch (failure) {
      if (!(failure instanceof CannotEdit)) throw failure;
      setRefused(`This cannot be done here: ${failure.message}. The text beside it can be changed freely.`);
    }
  };
  const come = (made: NewStep): void => {
    setTarget(null);
    edit(() => {
      if (target === "first" || step === null) return addFirst(text, made);
      return target === "before" || target === "after" ? add(text, step, target, made) : addLane(text, step, target ?? "case", made);
    }, `Step ${made.id} added`);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    event.preventDefault();
    if (event.shiftKey) draft.hand()?.redo();
    else draft.hand()?.undo();
  };
  return (
    <div className="drawing" onKeyDown={onKeyDown}>
      <Card
        title="Steps" scope={steps.length > 0 ? `${plural(steps.length, "step")}, as the text has them` : undefined} className="clip"
        end={draft.writes && <span className="row"><button type="button" className="btn small ghost" title="Ctrl Z" onClick={() => draft.hand()?.undo()}><Icon name="undo" size="s" />Undo</button><button type="button" className="btn small ghost" title="Ctrl Shift Z" onClick={() => draft.hand()?.redo()}>Redo</button></span>}
      >
        {fault !== null && (
          <div className="notice minor flush" role="status">
            <Icon name="incident" />
            <div className="wrap">The graph shows what can be read of the text, and can be changed again once that is right.</div>
          </div>
        )}
        {steps.length === 0
          ? <EmptyState title="No step yet"><p>Write one under <span className="mono">spec.steps</span>; it is drawn here.</p>{changes && <button type="button" className="btn" onClick={() => setTarget("first")}>Add the first step</button>}</EmptyState>
          : (
            <FlowGraph
              label="The steps that are written" steps={steps} upright chosen={step?.id ?? null} {...(draft.writes ? { choose: setChosen } : {})}
              {...(changes ? { drop: (id, onto, side) => {
                const [one, other] = [found(steps, id), found(steps, onto)];
                if (one && other) edit(() => move(text, one, other, side), `Step ${id} moved`);
              } } : {})}
            />
          )}
        <p className="sr" role="status">{said}</p>
      </Card>
      {refused !== "" && <div className="notice minor" role="alert"><Icon name="incident" /><span className="wrap">{refused}</span></div>}
      {changes && step === null && steps.length > 0 && <p className="dim t12">Choose a step to change it, to add others beside it, or to move it. Everything done here is a change of the text.</p>}
      {changes && step !== null && (
        <StepForm text={text} steps={steps} step={step} written={record(new Manuscript(text).value(["spec", ...step.place]))} actions={actions} edit={edit} add={setTarget} />
      )}
      {target !== null && <AddStep target={target} beside={step?.id ?? ""} taken={taken} owner={String(record(new Manuscript(text).value(["metadata"]))["owner"] ?? "")} actions={actions} close={() => setTarget(null)} add={come} />}
    </div>
  );
}
