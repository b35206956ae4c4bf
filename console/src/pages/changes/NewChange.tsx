/** A new change by a template: what it is given, which targets, why, and when. */
import { Checkbox, Modal, Select, Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useResources, useTemplates, useWantChange } from "../../data/changes";
import { useMay } from "../../data/me";
import type { ChangeTemplate } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { sentence } from "../../parts/format";
import { EmptyState, Loaded } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { Example } from "../quiet/Example";
import { agreeing } from "../self-service/view";
import { InputsForm } from "../workflows/InputsForm";
import { choosable, instantOf, planSteps, targetsText } from "./view";

interface Props {
  opened: boolean;
  /** `namespace/template`, as the address has it. */
  chosen: string | undefined;
  choose: (chosen: string | undefined) => void;
  onClose: () => void;
}

/** More than these are found by their names. */
const MANY = 12;
const EXAMPLE = `apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: restart-web}
spec:
  type: standard
  targets: {labels: {role: [web]}}
  waves: {canary: 1, then: "50%", bake: 5m}
  steps:
    - id: restart
      uses: ssh.command
      with: {host: "\${target}", command: "systemctl restart web"}`;

export function NewChange({ opened, ...props }: Props) {
  return <Modal opened={opened} onClose={props.onClose} title="New change" size={640}>{opened && <Choosing {...props} />}</Modal>;
}

const keyOf = (template: ChangeTemplate): string => `${template.namespace}/${template.name}`;

function Choosing({ chosen, choose, onClose }: Omit<Props, "opened">) {
  const templates = useTemplates();
  const may = useMay();
  const [filters] = useFilters();
  return (
    <Loaded query={templates} what="templates">
      {(page) => {
        const usable = page.items.filter((one) => may("change:write", one.namespace) && (!filters["namespace"] || one.namespace === filters["namespace"]));
        const template = usable.find((one) => keyOf(one) === chosen) ?? (usable.length === 1 ? usable[0] : undefined);
        if (usable.length === 0) return <EmptyState title="There is no template yet"><p>A template says how a kind of change is made. Apply one; it is offered here then.</p><Example text={EXAMPLE} /></EmptyState>;
        return (
          <div className="stack">
            <Select
              label="Template" placeholder="How it is made" allowDeselect={false} searchable={usable.length > MANY} value={template ? keyOf(template) : null}
              data={usable.map((one) => ({ value: keyOf(one), label: one.spec.description ? `${one.name}: ${one.spec.description}` : one.name }))}
              onChange={(value) => choose(value ?? undefined)}
            />
            {template && <Form key={keyOf(template)} template={template} onClose={onClose} />}
          </div>
        );
      }}
    </Loaded>
  );
}

function Form({ template, onClose }: { template: ChangeTemplate; onClose: () => void }) {
  const want = useWantChange();
  const navigate = useNavigate();
  const { spec, namespace, name } = template;
  const [title, setTitle] = useState("");
  const [reason, setReason] = useState("");
  const [lacking, setLacking] = useState(false);
  const [targets, setTargets] = useState<readonly string[]>([]);
  const [startAt, setStartAt] = useState("");
  const [deadline, setDeadline] = useState("");
  const steps = planSteps(spec.steps);
  const forGood = steps.filter((step) => step.acts && step.undoes === "").length;
  const send = (submit: boolean) => (inputs: Record<string, unknown>): void => {
    if (reason.trim() === "") return setLacking(true);
    const [start_at, until] = [instantOf(startAt), instantOf(deadline)];
    want.mutate(
      { template: name, namespace, reason: reason.trim(), with: inputs, targets: [...targets], submit, ...(title.trim() ? { title: title.trim() } : {}), ...(start_at ? { start_at } : {}), ...(until ? { deadline: until } : {}) },
      { onSuccess: (made) => { onClose(); void navigate({ to: "/changes/$id", params: { id: made.id } }); } },
    );
  };
  return (
    <InputsForm
      label={`New change by ${name}`} schema={spec.inputs} act={spec.type === "standard" ? "Plan it" : "Plan it, and ask"} busy={want.isPending} error={want.error} reset={want.reset} none="It is given nothing else."
      send={send(true)} also={{ act: "Keep as a draft", send: send(false) }}
      below={(
        <>
          <Targets template={template} chosen={targets} choose={setTargets} />
          <Textarea
            label="Reason" description="Whoever is to agree reads it; it is kept in the ticket" autosize minRows={2} maxRows={8} maxLength={5000} required value={reason} error={lacking && reason.trim() === "" ? "Say why it is wanted" : undefined}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <TextInput label="Title" placeholder={spec.description ?? name} maxLength={300} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
          <div className="field-row">
            <TextInput label="Not before" type="datetime-local" value={startAt} onChange={(event) => setStartAt(event.currentTarget.value)} />
            <TextInput label="Cancelled unless begun by" type="datetime-local" value={deadline} onChange={(event) => setDeadline(event.currentTarget.value)} />
          </div>
        </>
      )}
    >
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
function Targets({ template, chosen, choose }: { template: ChangeTemplate; chosen: readonly string[]; choose: (targets: readonly string[]) => void }) {
  const may = useMay();
  const reads = may("manifest:read", template.namespace);
  const resources = useResources(reads);
  const [words, setWords] = useState("");
  const all = choosable(template.spec.targets, resources.data?.items ?? [], template.namespace);
  const shown = all.filter((name) => name.includes(words.trim()));
  if (!reads) return <p className="dim">Its targets: {targetsText(template.spec.targets)}.</p>;
  return (
    <fieldset className="bare-set">
      <legend className="med">Targets <span className="dim3 t12">{chosen.length === 0 ? `all ${String(all.length)} that fit ${targetsText(template.spec.targets)}` : `${String(chosen.length)} of ${String(all.length)}`}</span></legend>
      {all.length > MANY && <input className="field" type="search" aria-label="Find a target" placeholder="Find a target" value={words} onChange={(event) => setWords(event.currentTarget.value)} />}
      <Loaded query={resources} what="targets">
        {() => (all.length === 0
          ? <p className="dim">Nothing in the catalogue fits {targetsText(template.spec.targets)}.</p>
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
