/** Which step is to come: an action of the catalogue, or another form, and what it is called. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";

import type { ActionView } from "../../data/types";
import type { Target } from "./Drawn";
import { FORMS, freshId, newStep, wishOf, type NewStep } from "./step-forms";

interface Props {
  target: Target;
  /** Id of the step that it comes to lie at. */
  beside: string;
  taken: ReadonlySet<string>;
  owner: string;
  actions: readonly ActionView[];
  close: () => void;
  add: (step: NewStep) => void;
}

/** The list itself scrolls: what scrolls around one takes no keys. */
const LISTED = { options: { maxHeight: 320, overflowY: "auto" } } as const;
const TITLES: Record<Target, (beside: string) => string> = {
  first: () => "Add the first step", before: (id) => `Add a step before ${id}`, after: (id) => `Add a step after ${id}`, case: (id) => `Add a case to ${id}`,
  catch: (id) => `Add what is done when ${id} fails`, finally: (id) => `Add what is done at the end of ${id}`,
};
const OTHERS = FORMS.filter((one) => one.form !== "uses");

export function AddStep({ target, beside, taken, owner, actions, close, add }: Props) {
  const [what, setWhat] = useState<string | null>(null);
  const [named, setNamed] = useState<string | null>(null);
  const other = OTHERS.find((one) => one.form === what);
  const action = actions.find((one) => `uses ${one.name}` === what) ?? null;
  const form = other?.form ?? "uses";
  const id = named ?? (what === null ? "" : freshId(wishOf(form, action), taken));
  const wrong = !/^[a-z][a-z0-9_]{0,62}$/.test(id) ? "Lower-case letters, digits, underscores; a letter first" : taken.has(id) ? "There is one with this id" : null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (what !== null && wrong === null) add(newStep(form, id, { action, taken, owner }));
  };
  return (
    <Modal opened onClose={close} title={TITLES[target](beside)} size={480}>
      <form className="stack" onSubmit={submit}>
        <Select
          label="What it is" placeholder="Search actions and forms" searchable data-autofocus value={what} onChange={setWhat} nothingFoundMessage="Nothing is called so" withScrollArea={false} styles={LISTED}
          data={[{ group: "Forms", items: OTHERS.map((one) => ({ value: one.form, label: `${one.label}: ${one.about}` })) }, { group: "Actions", items: actions.map((one) => ({ value: `uses ${one.name}`, label: one.name })) }]}
        />
        {action !== null && action.summary !== "" && <p className="dim wrap">{action.summary}</p>}
        <TextInput label="Its id" description="How other steps speak of it" value={id} error={what === null ? null : wrong} onChange={(event) => setNamed(event.currentTarget.value)} />
        <div className="row">
          <button type="submit" className="btn primary" disabled={what === null || wrong !== null}>Add it</button>
          <button type="button" className="btn" onClick={close}>Cancel</button>
        </div>
      </form>
    </Modal>
  );
}
