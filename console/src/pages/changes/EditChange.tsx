/** A change is edited before it begins: the form that it was made with, then what that makes otherwise, then it is saved. */
import { Modal } from "@mantine/core";
import { useState } from "react";

import { useEditChange, useTemplates } from "../../data/changes";
import type { Change, ChangeSpec } from "../../data/types";
import { Icon } from "../../parts/Icon";
import { ErrorState, Loading } from "../../parts/states";
import { ChangeForm } from "./ChangeForm";
import { editedOf, typedOf, wantedOf, type Typed } from "./difference";
import { Differences } from "./Differences";

interface Props {
  change: Change;
  opened: boolean;
  close: () => void;
}

export function EditChange({ change, opened, close }: Props) {
  return <Modal opened={opened} onClose={close} title={`Edit ${change.id}`} size={640}>{opened && <Reading change={change} close={close} />}</Modal>;
}

/** A change by a template is edited by that as it is now. */
function Reading({ change, close }: Omit<Props, "opened">) {
  const templates = useTemplates();
  const [base] = useState(change);
  if (base.template === null) return <Editing base={base} change={change} spec={base.spec} close={close} />;
  if (templates.error) return <ErrorState error={templates.error} retry={() => void templates.refetch()} />;
  if (templates.data === undefined) return <Loading what="its template" />;
  const template = templates.data.items.find((one) => one.namespace === base.namespace && one.name === base.template);
  if (template === undefined) return <p className="dim">Its template {base.template} is not there any more: it cannot be edited. Cancel it, and make another one.</p>;
  return <Editing base={base} change={change} spec={template.spec} close={close} />;
}

interface Draft {
  typed: Typed;
  inputs: Record<string, unknown>;
}

function Editing({ base, change, spec, close }: { base: Change; change: Change; spec: ChangeSpec; close: () => void }) {
  const edit = useEditChange();
  const [draft, setDraft] = useState<Draft>({ typed: typedOf(base), inputs: base.inputs });
  const [shown, setShown] = useState(false);
  if (shown) {
    const save = (): void => {
      const how = base.template === null ? { plan: base.spec } : { template: base.template };
      edit.mutate({ id: base.id, ...how, ...wantedOf(draft.typed, draft.inputs), submit: base.state !== "draft" }, { onSuccess: close });
    };
    return <Review base={base} change={change} spec={spec} draft={draft} edit={edit} back={() => { edit.reset(); setShown(false); }} save={save} />;
  }
  return (
    <ChangeForm
      label={`Edit ${base.id}`} namespace={base.namespace} spec={spec} called={spec.description ?? base.template ?? base.id} begin={draft.typed} given={draft.inputs} act="See what differs" command={edit}
      send={(typed, inputs) => { setDraft({ typed, inputs }); setShown(true); }}
    >
      {base.template === null && <p className="dim t12">Its steps are its own. They are edited where they are written: apply its manifest again, or make another change.</p>}
    </ChangeForm>
  );
}

function Review({ base, change, spec, draft, edit, back, save }: { base: Change; change: Change; spec: ChangeSpec; draft: Draft; edit: ReturnType<typeof useEditChange>; back: () => void; save: () => void }) {
  const told = editedOf(base, draft.typed, draft.inputs, spec);
  const meanwhile = change.updated_at !== base.updated_at;
  return (
    <div className="stack">
      {told.length === 0 ? <p className="dim">Nothing is otherwise than it was.</p> : <section className="boxed" aria-label="What differs"><Differences told={told} /></section>}
      {told.length > 0 && <Warning change={base} replanned={told.some(({ agreed }) => agreed)} />}
      {base.name !== null && <p className="dim t12">The manifest <span className="mono">{base.name}</span> brought it. Applied again, it is as that says.</p>}
      {meanwhile && <div className="notice minor" role="status"><Icon name="incident" /><p>It has changed since you opened this: it is {change.state} now. What you save takes the place of that.</p></div>}
      {edit.error && <ErrorState error={edit.error} />}
      <div className="row">
        <button type="button" className="btn primary" data-autofocus disabled={told.length === 0 || edit.isPending} onClick={save}>Save</button>
        <button type="button" className="btn" onClick={back}>Back</button>
      </div>
    </div>
  );
}

/** What saving means for those who agreed, or were asked to. */
function Warning({ change, replanned }: { change: Change; replanned: boolean }) {
  if (change.state === "draft") return <p className="dim">It stays a draft. Nobody is asked before it is submitted.</p>;
  if (change.type === "standard") return <p className="dim">It is planned anew, and begins at its time: it is agreed to once and for all.</p>;
  if (!replanned) return <p className="dim">Its plan stays as it is, as long as the catalogue still has the targets that it had.</p>;
  const agreed = change.approved !== null;
  return (
    <div className="notice minor" role="note">
      <Icon name="user" />
      <div className="stack" style={{ gap: 4 }}>
        <strong>{agreed ? "It loses its agreement" : "Those who are asked are asked anew"}</strong>
        <span>{agreed ? `What was agreed to is the plan ${change.approved?.slice(0, 12) ?? ""}. This makes another one of it, to which those who must agree are asked again.` : "It is planned anew. What was decided so far was about the other plan."} Whoever edits it cannot agree to it.</span>
      </div>
    </div>
  );
}
