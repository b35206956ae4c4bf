/** What is asked of whoever wants a change, or edits one: what it is given, which targets, why, and when. */
import { Checkbox, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { useResources } from "../../data/changes";
import { useMay } from "../../data/me";
import type { ChangeSpec } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { sentence } from "../../parts/format";
import { Loaded } from "../../parts/states";
import { agreeing } from "../self-service/view";
import { InputsForm } from "../workflows/InputsForm";
import type { Typed } from "./difference";
import { choosable, planSteps, targetsText } from "./view";

type Send = (typed: Typed, inputs: Record<string, unknown>) => void;

interface Props {
  label: string;
  namespace: string;
  /** How it is made. */
  spec: ChangeSpec;
  /** What people call it if it has no title of its own. */
  called: string;
  /** What stands in the fields at first. */
  begin?: Typed;
  given?: Readonly<Record<string, unknown>>;
  act: string;
  command: { isPending: boolean; error: Error | null; reset: () => void };
  send: Send;
  also?: { act: string; send: Send };
  children?: ReactNode;
}

/** More than these are found by their names. */
const MANY = 12;
const EMPTY: Typed = { title: "", reason: "", targets: [], startAt: "", deadline: "" };

export function ChangeForm({ label, namespace, spec, called, begin = EMPTY, given, act, command, send, also, children }: Props) {
  const [typed, setTyped] = useState(begin);
  const [lacking, setLacking] = useState(false);
  const change = (some: Partial<Typed>): void => setTyped({ ...typed, ...some });
  const steps = planSteps(spec.steps);
  const forGood = steps.filter((step) => step.acts && step.undoes === "").length;
  const checked = (to: Send) => (inputs: Record<string, unknown>): void => (typed.reason.trim() === "" ? setLacking(true) : to(typed, inputs));
  return (
    <InputsForm
      label={label} schema={spec.inputs} act={act} busy={command.isPending} error={command.error} reset={command.reset} none="It is given nothing else."
      send={checked(send)} {...(given ? { given } : {})} {...(also ? { also: { act: also.act, send: checked(also.send) } } : {})}
      below={(
        <>
          <Targets namespace={namespace} targets={spec.targets} chosen={typed.targets} choose={(targets) => change({ targets })} />
          <Textarea
            label="Reason" description="Whoever is to agree reads it; it is kept in the ticket" autosize minRows={2} maxRows={8} maxLength={5000} required value={typed.reason} error={lacking && typed.reason.trim() === "" ? "Say why it is wanted" : undefined}
            onChange={(event) => change({ reason: event.currentTarget.value })}
          />
          <TextInput label="Title" placeholder={called} maxLength={300} value={typed.title} onChange={(event) => change({ title: event.currentTarget.value })} />
          <div className="field-row">
            <TextInput label="Not before" type="datetime-local" value={typed.startAt} onChange={(event) => change({ startAt: event.currentTarget.value })} />
            <TextInput label="Cancelled unless begun by" type="datetime-local" value={typed.deadline} onChange={(event) => change({ deadline: event.currentTarget.value })} />
          </div>
        </>
      )}
    >
      {children}
      <Pairs
        entries={[
          ["Type", sentence(spec.type ?? "normal")],
          ["Does", `${steps.map((step) => step.title).join(", then ")}${forGood > 0 ? `; nothing undoes ${forGood === steps.length ? "it" : `${String(forGood)} of the steps`}` : ""}`],
          ["Must agree", agreeing(spec.approvals ?? []) || "nobody: it is a standard change"],
          ["Begins", spec.window ? `in a window of ${spec.window.calendar}` : "at its time, or when someone starts it"],
        ]}
      />
    </InputsForm>
  );
}

/** All that the template may change, unless fewer are chosen. */
function Targets({ namespace, targets, chosen, choose }: { namespace: string; targets: ChangeSpec["targets"]; chosen: readonly string[]; choose: (targets: readonly string[]) => void }) {
  const may = useMay();
  const reads = may("manifest:read", namespace);
  const resources = useResources(reads);
  const [words, setWords] = useState("");
  const all = choosable(targets, resources.data?.items ?? [], namespace);
  const shown = all.filter((name) => name.includes(words.trim()));
  if (!reads) return <p className="dim">Its targets: {targetsText(targets)}.</p>;
  return (
    <fieldset className="bare-set">
      <legend className="med">Targets <span className="dim3 t12">{chosen.length === 0 ? `all ${String(all.length)} that fit ${targetsText(targets)}` : `${String(chosen.length)} of ${String(all.length)}`}</span></legend>
      {all.length > MANY && <input className="field" type="search" aria-label="Find a target" placeholder="Find a target" value={words} onChange={(event) => setWords(event.currentTarget.value)} />}
      <Loaded query={resources} what="targets">
        {() => (all.length === 0
          ? <p className="dim">Nothing in the catalogue fits {targetsText(targets)}.</p>
          : (
            <div className="targets-list" tabIndex={0} role="group" aria-label="Targets to choose from">
              {shown.map((name) => (
                <Checkbox key={name} label={name} checked={chosen.includes(name)} onChange={(event) => choose(event.currentTarget.checked ? [...chosen, name] : chosen.filter((one) => one !== name))} />
              ))}
            </div>
          ))}
      </Loaded>
    </fieldset>
  );
}
