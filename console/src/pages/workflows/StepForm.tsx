/** One step of the text that is written: where it stands, and its simple members as fields. What is typed is written when its field is left. */
import { Select, Textarea, TextInput } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";

import type { ActionView } from "../../data/types";
import { Card } from "../../parts/Card";
import type { FlowStep, Place } from "../../parts/flow";
import { Icon } from "../../parts/Icon";
import { shownAs, typedAs } from "./action-inputs";
import type { Target } from "./Drawn";
import { all, beside, idsOf, nudge, put, remove, rename, standing, type Edit } from "./step-edit";
import { boundsOf, COMMON, inputsOf, membersOf, type Member } from "./step-forms";

type Data = Record<string, unknown>;

interface Props {
  text: string;
  steps: readonly FlowStep[];
  step: FlowStep;
  /** The step as it is written. */
  written: Data;
  actions: readonly ActionView[];
  edit: (make: () => Edit, saying: string) => void;
  /** Asks which step is to come there. */
  add: (target: Target) => void;
}

export function StepForm({ text, steps, step, written, actions, edit, add }: Props) {
  const many = beside(steps, step);
  const { list, index } = standing(step);
  const neighbours = all(steps).filter((one) => String(standing(one).list) === String(list));
  const next = neighbours[index + 1] ?? neighbours[index - 1] ?? null;
  const action = actions.find((one) => one.name === written["uses"]) ?? null;
  const inputs = step.form === "uses" ? inputsOf(action, written) : { shown: [], others: [] };
  const fields = (members: readonly Member[]) => members.map((one) => (
    <Entry
      key={`${step.id} ${one.place.join(".")}`} of={one} value={one.place.reduce<unknown>((data, key) => (typeof data === "object" && data !== null ? (data as Data)[key] : undefined), written)}
      write={(value) => edit(() => put(text, step, one.place, value), `${one.label} of ${step.id} changed`)}
    />
  ));
  return (
    <Card title={<>Step <span className="mono">{step.id}</span></>} scope={step.about}>
      <div className="step-acts" role="group" aria-label={`Change ${step.id}`}>
        <button type="button" className="btn small" onClick={() => add("before")}><Icon name="plus" size="s" />Before</button>
        <button type="button" className="btn small" onClick={() => add("after")}><Icon name="plus" size="s" />After</button>
        {step.form === "switch" && <button type="button" className="btn small" onClick={() => add("case")}><Icon name="plus" size="s" />Case</button>}
        {step.form === "try" && written["catch"] === undefined && <button type="button" className="btn small" onClick={() => add("catch")}><Icon name="plus" size="s" />Catch</button>}
        {step.form === "try" && written["finally"] === undefined && <button type="button" className="btn small" onClick={() => add("finally")}><Icon name="plus" size="s" />Finally</button>}
        <button type="button" className="btn small" disabled={index === 0} onClick={() => edit(() => nudge(text, step, -1), `${step.id} moved up`)}><Icon name="up" size="s" />Up</button>
        <button type="button" className="btn small" disabled={index === many - 1} onClick={() => edit(() => nudge(text, step, 1), `${step.id} moved down`)}><Icon name="down" size="s" />Down</button>
        <button
          type="button" className="btn small" disabled={many === 1} title={many === 1 ? "The only step there: remove what it lies in" : undefined}
          onClick={() => edit(() => remove(text, step, next?.id ?? null), `${step.id} removed`)}
        ><Icon name="close" size="s" />Remove</button>
      </div>
      <div className="step-fields">
        <Entry
          of={{ label: "Id", place: ["id"], kind: "text", options: [], hint: "expressions that name it follow", required: true }} value={written["id"]}
          write={(value) => edit(() => rename(text, step, String(value), idsOf(steps)), `${step.id} is called ${String(value)} now`)}
        />
        {fields(COMMON)}
        {step.form === "uses" && <ActionChoice step={step} actions={actions} value={written["uses"]} write={(value) => edit(() => put(text, step, ["uses"], value), `${step.id} uses ${value}`)} />}
        {fields(membersOf(step.form, written))}
        {inputs.shown.length > 0 && <h3 className="eyebrow">Inputs of the action</h3>}
        {fields(inputs.shown)}
        {inputs.others.length > 0 && <details key={step.id}><summary className="t12 dim">{inputs.others.length} more {inputs.others.length === 1 ? "input" : "inputs"}</summary><div className="step-fields inner">{fields(inputs.others)}</div></details>}
        {fields(boundsOf(step.form))}
      </div>
    </Card>
  );
}

/** Hints stand below, so that fields beside each other are level. */
const BELOW: ("label" | "input" | "description" | "error")[] = ["label", "input", "description", "error"];

function ActionChoice({ step, actions, value, write }: { step: FlowStep; actions: readonly ActionView[]; value: unknown; write: (name: string) => void }) {
  const names = actions.map((one) => one.name);
  const now = typeof value === "string" ? value : "";
  return (
    <Select
      inputWrapperOrder={BELOW} label="Action" searchable allowDeselect={false} data={names.includes(now) || now === "" ? names : [now, ...names]} value={now} description={actions.find((one) => one.name === now)?.summary}
      key={step.id} onChange={(name) => name !== null && name !== now && write(name)}
    />
  );
}

/** A field holds what is typed until it is left, or Enter is pressed; Escape takes it back. */
function Entry({ of, value, write }: { of: Member; value: unknown; write: (value: unknown) => void }) {
  const shown = shownAs(of.kind, value);
  const [seen, setSeen] = useState(shown);
  const [typed, setTyped] = useState(shown);
  const [error, setError] = useState<string | null>(null);
  if (seen !== shown) {
    setSeen(shown);
    setTyped(shown);
    setError(null);
  }
  const commit = (words: string): void => {
    if (words === shown) return setError(null);
    const read = typedAs(of.kind, words);
    if ("error" in read) return setError(read.error);
    if (read.value === undefined && of.required && of.place.at(0) !== "with") return setError("It cannot do without");
    setError(null);
    write(read.value);
  };
  const common = { inputWrapperOrder: BELOW, label: of.label, description: of.hint === "" ? undefined : of.hint, error, withAsterisk: false, required: of.required };
  if (of.kind === "choice" && (shown === "" || of.options.includes(shown))) {
    return <Select {...common} data={[...of.options]} value={shown === "" ? null : shown} clearable={!of.required} placeholder="not given" onChange={(option) => write(option === null ? undefined : typedOption(option))} />;
  }
  const control = {
    value: typed, onChange: (event: { currentTarget: { value: string } }) => setTyped(event.currentTarget.value), onBlur: () => commit(typed),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === "Escape") setTyped(shown);
      if (event.key === "Enter" && (of.kind !== "lines" || event.ctrlKey)) {
        event.preventDefault();
        commit(typed);
      }
    },
  };
  const monospace = { input: { fontFamily: "var(--font-mono)", fontSize: 12 } };
  if (of.kind === "lines" || typed.includes("\n")) return <Textarea {...common} {...control} autosize minRows={2} maxRows={10} spellCheck={false} styles={monospace} />;
  return <TextInput {...common} {...control} spellCheck={false} {...(isProse(of.place) ? {} : { styles: monospace })} />;
}

const isProse = (place: Place): boolean => place[0] === "title" || place[0] === "ask";
const typedOption = (option: string): unknown => (option === "true" ? true : option === "false" ? false : option);
