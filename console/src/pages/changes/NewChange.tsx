/** A new change: which template makes it, and what the form of it asks. */
import { Modal, Select } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";

import { useTemplates, useWantChange } from "../../data/changes";
import { useMay } from "../../data/me";
import type { ChangeTemplate } from "../../data/types";
import { EmptyState, Loaded } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { Example } from "../quiet/Example";
import { ChangeForm } from "./ChangeForm";
import { wantedOf, type Typed } from "./difference";

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
  const send = (submit: boolean) => (typed: Typed, inputs: Record<string, unknown>): void =>
    want.mutate({ template: name, namespace, ...wantedOf(typed, inputs), submit }, { onSuccess: (made) => { onClose(); void navigate({ to: "/changes/$id", params: { id: made.id } }); } });
  return (
    <ChangeForm
      label={`New change by ${name}`} namespace={namespace} spec={spec} called={spec.description ?? name} act={spec.type === "standard" ? "Plan it" : "Plan it, and ask"} command={want}
      send={send(true)} also={{ act: "Keep as a draft", send: send(false) }}
    />
  );
}
