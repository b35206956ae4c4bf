/** Starting a workflow by hand. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useMay } from "../../data/me";
import type { Manifest } from "../../data/types";
import { useStartRun } from "../../data/workflows";
import { InputsForm } from "./InputsForm";

export function StartForm({ workflow }: { workflow: Manifest }) {
  const may = useMay();
  const navigate = useNavigate();
  const start = useStartRun();
  if (!may("run:start", workflow.namespace)) {
    return <p className="card-body dim">Your roles do not let you start runs in {workflow.namespace}. An <Link className="link" to="/admin">administrator</Link> can give you the role operator there.</p>;
  }
  return (
    <div className="card-body">
      <InputsForm
        label={`Start ${workflow.name}`} schema={workflow.spec["inputs"]} act="Start run" busy={start.isPending} error={start.error} reset={start.reset}
        note={`In ${workflow.namespace}, as gen ${String(workflow.generation)}`}
        send={(inputs) => start.mutate(
          { workflow: workflow.name, namespace: workflow.namespace, inputs },
          { onSuccess: (run) => void navigate({ to: "/runs/$id", params: { id: run.id } }) },
        )}
      />
    </div>
  );
}
