/** A form made from a workflow's input schema: to start a run, or to run one anew with other inputs. */
import { Checkbox, PasswordInput, Select, Textarea, TextInput } from "@mantine/core";
import { useMemo, useState, type FormEvent, type ReactNode } from "react";

import { Problem } from "../../data/http";
import { ErrorState } from "../../parts/states";
import { fieldsOf, hint, initial, optionLabel, read, refusedField, type Field } from "./form";

interface Props {
  label: string;
  /** JSON Schema of the inputs. */
  schema: unknown;
  /** What the fields hold at first, instead of the defaults. */
  given?: Readonly<Record<string, unknown>>;
  act: string;
  busy: boolean;
  error: Error | null;
  reset: () => void;
  send: (inputs: Record<string, unknown>) => void;
  /** Beside the button. */
  note?: ReactNode;
  /** Above the fields. */
  children?: ReactNode;
  /** Between the fields and the button. */
  below?: ReactNode;
  /** Said where there are no fields. */
  none?: string;
  /** What else can be done with the inputs. */
  also?: { act: string; send: (inputs: Record<string, unknown>) => void };
}

export function InputsForm({ label, schema, given, act, busy, error, reset, send, note, children, below, none = "It takes no inputs.", also }: Props) {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const [typed, setTyped] = useState(() => initial(fields, given));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const refused = error instanceof Problem ? refusedField(error.detail, fields) : null;
  const shown = refused ? { [refused.name]: refused.error, ...errors } : errors;

  const pass = (form: HTMLFormElement, to: Props["send"]): void => {
    const reading = read(fields, typed);
    setErrors(reading.errors);
    reset();
    const first = fields.find((field) => reading.errors[field.name] !== undefined);
    if (first !== undefined) {
      form.querySelector<HTMLElement>(`[name="${CSS.escape(first.name)}"], [data-field="${CSS.escape(first.name)}"]`)?.focus();
      return;
    }
    to(reading.inputs);
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    pass(event.currentTarget, send);
  };

  const change = (name: string, text: string): void => {
    setTyped({ ...typed, [name]: text });
    if (errors[name] !== undefined) setErrors(Object.fromEntries(Object.entries(errors).filter(([each]) => each !== name)));
  };

  return (
    <form className="stack" noValidate onSubmit={submit} aria-label={label}>
      {children}
      {fields.length === 0 && <p className="dim">{none}</p>}
      {fields.map((field) => (
        <Entry key={field.name} field={field} text={typed[field.name] ?? ""} error={shown[field.name]} change={(text) => change(field.name, text)} />
      ))}
      {below}
      {error && refused === null && <ErrorState error={error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={busy}>{act}</button>
        {also && <button type="button" className="btn" disabled={busy} onClick={(event) => { if (event.currentTarget.form) pass(event.currentTarget.form, also.send); }}>{also.act}</button>}
        {note && <span className="t12 dim3">{note}</span>}
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
    case "hidden":
      return <PasswordInput {...common} autoComplete="new-password" value={text} onChange={(event) => change(event.currentTarget.value)} />;
    case "date":
    case "instant":
      return <TextInput {...common} type={field.kind === "date" ? "date" : "datetime-local"} value={text} onChange={(event) => change(event.currentTarget.value)} />;
    case "text":
      return <TextInput {...common} value={text} onChange={(event) => change(event.currentTarget.value)} />;
  }
}
