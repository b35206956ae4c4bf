/** Starting a workflow by hand: a form made from its input schema. */
import { Checkbox, Select, Textarea, TextInput } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState, type FormEvent } from "react";

import { Problem } from "../../data/http";
import { useMay } from "../../data/me";
import type { Manifest } from "../../data/types";
import { useStartRun } from "../../data/workflows";
import { ErrorState } from "../../parts/states";
import { fieldsOf, hint, initial, optionLabel, read, refusedField, type Field } from "./form";

export function StartForm({ workflow }: { workflow: Manifest }) {
  const may = useMay();
  const navigate = useNavigate();
  const start = useStartRun();
  const fields = useMemo(() => fieldsOf(workflow.spec["inputs"]), [workflow.spec]);
  const [typed, setTyped] = useState(() => initial(fields));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});

  if (!may("run:start", workflow.namespace)) {
    return <p className="card-body dim">Your roles do not let you start runs in {workflow.namespace}. An <Link className="link" to="/admin">administrator</Link> can give you the role operator there.</p>;
  }

  const refused = start.error instanceof Problem ? refusedField(start.error.detail, fields) : null;
  const shown = refused ? { [refused.name]: refused.error, ...errors } : errors;

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const reading = read(fields, typed);
    setErrors(reading.errors);
    start.reset();
    const first = fields.find((field) => reading.errors[field.name] !== undefined);
    if (first !== undefined) {
      event.currentTarget.querySelector<HTMLElement>(`[name="${CSS.escape(first.name)}"], [data-field="${CSS.escape(first.name)}"]`)?.focus();
      return;
    }
    start.mutate(
      { workflow: workflow.name, namespace: workflow.namespace, inputs: reading.inputs },
      { onSuccess: (run) => void navigate({ to: "/runs/$id", params: { id: run.id } }) },
    );
  };

  const change = (name: string, text: string): void => {
    setTyped({ ...typed, [name]: text });
    if (errors[name] !== undefined) setErrors(Object.fromEntries(Object.entries(errors).filter(([each]) => each !== name)));
  };

  return (
    <form className="card-body stack" noValidate onSubmit={submit} aria-label={`Start ${workflow.name}`}>
      {fields.length === 0 && <p className="dim">It takes no inputs.</p>}
      {fields.map((field) => (
        <Entry key={field.name} field={field} text={typed[field.name] ?? ""} error={shown[field.name]} change={(text) => change(field.name, text)} />
      ))}
      {start.error && refused === null && <ErrorState error={start.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={start.isPending}>Start run</button>
        <span className="t12 dim3">In {workflow.namespace}, as gen {workflow.generation}</span>
      </div>
    </form>
  );
}

function Entry({ field, text, error, change }: { field: Field; text: string; error: string | undefined; change: (text: string) => void }) {
  const common = {
    name: field.name, label: field.label, description: hint(field) || undefined, error, required: field.required, withAsterisk: field.required,
  };
  const monospace = { input: { fontFamily: "var(--font-mono)", fontSize: 12 } };
  switch (field.kind) {
    case "switch":
      return (
        <Checkbox
          name={field.name} label={field.label} description={hint(field) || undefined} error={error} checked={text === "true"}
          onChange={(event) => change(String(event.currentTarget.checked))}
        />
      );
    case "choice":
      return (
        <Select
          {...common} data-field={field.name} clearable={!field.required} allowDeselect={false} placeholder="Choose" value={text === "" ? null : text}
          data={field.options.map((option, index) => ({ value: String(index), label: optionLabel(field, option) }))} onChange={(value) => change(value ?? "")}
        />
      );
    case "number":
      return <TextInput {...common} inputMode={field.rule.type === "integer" ? "numeric" : "decimal"} value={text} onChange={(event) => change(event.currentTarget.value)} />;
    case "long":
    case "lines":
      return <Textarea {...common} autosize minRows={3} maxRows={12} value={text} onChange={(event) => change(event.currentTarget.value)} />;
    case "json":
      return <Textarea {...common} autosize minRows={3} maxRows={16} spellCheck={false} styles={monospace} value={text} onChange={(event) => change(event.currentTarget.value)} />;
    case "text":
      return <TextInput {...common} value={text} onChange={(event) => change(event.currentTarget.value)} />;
  }
}
