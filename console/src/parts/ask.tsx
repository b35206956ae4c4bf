/** Questions before an act: what it will do, an optional reason, and the button that does it. */
import { Modal, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { ErrorState } from "./states";

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What it will do, and whether it can be undone. */
  effect: ReactNode;
  act: string;
  field?: { label: string; required?: boolean; long?: boolean; placeholder?: string };
  run: (text: string) => Promise<unknown>;
}

export function Ask(props: Props) {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={props.title} size={480}>
      {props.opened && <Question {...props} />}
    </Modal>
  );
}

function Question({ onClose, effect, act, field, run }: Props) {
  const [text, setText] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await run(text.trim());
      onClose();
    } catch (failure) {
      setError(failure instanceof Error ? failure : new Error(String(failure)));
    } finally {
      setBusy(false);
    }
  };
  const Field = field?.long ? Textarea : TextInput;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <p className="dim">{effect}</p>
      {field && <Field label={field.label} placeholder={field.placeholder} required={field.required ?? false} withAsterisk={false} value={text} data-autofocus onChange={(event) => setText(event.currentTarget.value)} />}
      {error && <ErrorState error={error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={busy || (field?.required === true && text.trim() === "")}>{act}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
