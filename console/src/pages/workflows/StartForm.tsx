/** Starting a workflow by hand. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useMay } from "../../data/me";
import { useDryRun } from "../../data/runs";
import type { Manifest } from "../../data/types";
import { useStartRun } from "../../data/workflows";
import { DryRunDialog } from "./DryRunDialog";
import { InputsForm } from "./InputsForm";

export function StartForm({ workflow }: { workflow: Manifest }) {
  const may = useMay();
  const navigate = useNavigate();
  const start = useStartRun();
  const rehearse = useDryRun();
  if (!may("run:start", workflow.namespace)) {
    return <p className="card-body dim">Your roles do not let you start runs in {workflow.namespace}. An <Link className="link" to="/admin">administrator</Link> can give you the role operator there.</p>;
  }
  const run = (inputs: Record<string, unknown>) => ({ workflow: workflow.name, namespace: workflow.namespace, inputs });
  const begin = (inputs: Record<string, unknown>): void => start.mutate(run(inputs), { onSuccess: (made) => void navigate({ to: "/runs/$id", params: { id: made.id } }) });
  const close = (): void => {
    rehearse.reset();
    start.reset();
  };
  return (
    <div className="card-body">
      <InputsForm
        label={`Start ${workflow.name}`} schema={workflow.spec["inputs"]} act="Start run" busy={start.isPending || rehearse.isPending} error={start.error ?? rehearse.error} reset={close}
        note={`As gen ${String(workflow.generation)}`} send={begin} also={{ act: "Dry run", send: (inputs) => rehearse.mutate(run(inputs)) }}
      />
      <DryRunDialog
        dryRun={rehearse.data} busy={start.isPending} error={start.error} onClose={close}
        start={() => begin(rehearse.variables?.inputs ?? {})}
      />
    </div>
  );
}
