/**
 * A workflow's steps as a graph: one after the other along the line, what holds others drawn around them. It is plain
 * boxes, so that it is quick at every keystroke, grows with its text, turns upright on a phone and takes the keyboard.
 */
import { useState, type DragEvent } from "react";

import type { Form, FlowStep } from "./flow";
import { Icon, type IconName } from "./Icon";
import { sentence } from "./format";

/** How a step of a run is. */
export interface Standing {
  state: string;
  /** In words, instead of what the step is. */
  note?: string;
  /** Class of its colour. */
  tone: string;
  icon: IconName;
}

const ICONS: Record<Form, IconName> = {
  uses: "effect", run: "run", steps: "menu", for_each: "many", parallel: "filter", switch: "policy", try: "lock", wait: "waiting", approvals: "user", emit: "event", set: "box", none: "unknown",
};

interface Props {
  label: string;
  steps: readonly FlowStep[];
  /** How steps stand in a run, by their id; without, it is the plan of a workflow. */
  standing?: ReadonlyMap<string, Standing>;
  /** What is said of steps that do not stand yet. */
  absent?: string;
  chosen?: string | null;
  choose?: (id: string) => void;
  /** Steps can be dragged, and dropped before or after others. */
  drop?: (id: string, onto: string, side: "before" | "after") => void;
  /** From top to bottom, where there is little width. */
  upright?: boolean;
}

export function FlowGraph({ label, steps, upright = false, ...rest }: Props) {
  return (
    <div className={upright ? "flow upright" : "flow"} role="group" aria-label={label} tabIndex={0}>
      <Sequence steps={steps} {...rest} />
    </div>
  );
}

type Passed = Omit<Props, "label" | "steps" | "upright">;

function Sequence({ steps, ...rest }: { steps: readonly FlowStep[] } & Passed) {
  return (
    <ol className="flow-line">
      {steps.map((step, index) => <li key={`${step.id} ${String(index)}`}>{step.lanes.length > 0 ? <Holder step={step} {...rest} /> : <Leaf step={step} {...rest} />}</li>)}
    </ol>
  );
}

function Leaf({ step, ...rest }: { step: FlowStep } & Passed) {
  const stands = rest.standing?.get(step.id);
  return <Box step={step} className={`node flow-node ${classOf(stands, rest)}${rest.chosen === step.id ? " chosen" : ""}`} stands={stands} {...rest} />;
}

function Holder({ step, ...rest }: { step: FlowStep } & Passed) {
  const stands = rest.standing?.get(step.id);
  return (
    <div className={`flow-holder ${step.form} ${classOf(stands, rest)}`}>
      <Box step={step} className={`flow-head${rest.chosen === step.id ? " chosen" : ""}`} stands={stands} {...rest} />
      <div className="flow-lanes">
        {step.lanes.map((lane, index) => (
          <div key={String(index)} className="flow-lane">
            {lane.label !== "" && <span className="flow-label mono" title={lane.label}>{lane.label}</span>}
            <Sequence steps={lane.steps} {...rest} />
          </div>
        ))}
      </div>
    </div>
  );
}

function classOf(stands: Standing | undefined, { standing }: Passed): string {
  if (standing === undefined) return "drawn";
  return stands === undefined ? "to-come" : `${stands.tone} is-${stands.state}`;
}

function Box({ step, className, stands, standing, absent = "to come", chosen, choose, drop }: { step: FlowStep; className: string; stands: Standing | undefined } & Passed) {
  const about = stands?.note ?? step.about;
  const said = [step.title || step.id, standing === undefined ? "" : stands ? sentence(stands.state) : absent, about, step.condition && `if ${step.condition}`].filter(Boolean).join(", ");
  const inside = (
    <>
      <span className="name">
        <Icon name={stands?.icon ?? (standing === undefined ? ICONS[step.form] : "resolved")} size="s" />
        <span className={step.title === "" ? "cut mono" : "cut"}>{step.title || step.id}</span>{standing !== undefined && <span className="sr">{stands ? sentence(stands.state) : absent}</span>}
        {step.undone && stands?.icon !== "undo" && <span className="end dim3"><Icon name="undo" size="s" /></span>}
        {step.irreversible && <span className="end dim3"><Icon name="lock" size="s" /></span>}
      </span>
      <span className="about">{step.title !== "" && <><span className="mono">{step.id}</span> </>}{about}</span>
      {step.condition !== "" && <span className="about mono">if {step.condition}</span>}
    </>
  );
  const title = `${said}${step.undone ? "\nCan be undone" : step.irreversible ? "\nCannot be undone" : ""}`;
  const dragging = useDragging(step.id, drop);
  return choose
    ? <button type="button" className={className} title={title} aria-pressed={drop === undefined ? undefined : chosen === step.id} onClick={() => choose(step.id)} {...dragging}>{inside}</button>
    : <div className={className} title={title}>{inside}</div>;
}

const DRAGGED = "application/x-oncue-step";

/** A box that can be dragged, and shows on which side of it another one would come to lie. */
function useDragging(id: string, drop: Props["drop"]) {
  const [side, setSide] = useState<"before" | "after" | null>(null);
  if (drop === undefined) return {};
  const sideOf = (event: DragEvent<HTMLElement>): "before" | "after" => {
    const { top, height } = event.currentTarget.getBoundingClientRect();
    return event.clientY < top + height / 2 ? "before" : "after";
  };
  return {
    draggable: true, "data-drop": side ?? undefined,
    onDragStart: (event: DragEvent<HTMLElement>) => event.dataTransfer.setData(DRAGGED, id),
    onDragOver: (event: DragEvent<HTMLElement>) => {
      if (!event.dataTransfer.types.includes(DRAGGED)) return;
      event.preventDefault();
      setSide(sideOf(event));
    },
    onDragLeave: () => setSide(null),
    onDrop: (event: DragEvent<HTMLElement>) => {
      event.preventDefault();
      setSide(null);
      const moved = event.dataTransfer.getData(DRAGGED);
      if (moved !== "" && moved !== id) drop(moved, id, sideOf(event));
    },
  };
}
