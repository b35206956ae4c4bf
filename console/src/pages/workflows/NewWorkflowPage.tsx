/** A new workflow, begun from the smallest one that does something. */
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

import { useMe } from "../../data/me";
import { Loading } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { Editing } from "../policies/Editing";

const Drawn = lazy(() => import("./Drawn"));

const TEMPLATE = `apiVersion: oncue/v1
kind: Workflow
metadata:
  name: my-workflow
spec:
  description: What it does
  inputs:
    type: object
    required: [host]
    properties:
      host: {type: string, title: Host}
  steps:
    - id: look
      uses: http.request
      with: {method: GET, url: "https://\${inputs.host}/health"}
      retry: {attempts: 3}
    - id: note
      if: "steps.look.state == 'succeeded'"
      uses: event.emit
      with: {type: org.example.looked, resource: "\${inputs.host}"}
`;

export default function NewWorkflowPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const me = useMe().data;
  if (!me) return <div className="page"><Loading what="who you are" /></div>;
  const namespace = filters["namespace"] ?? me.home;
  return (
    <Editing
      kind="Workflow" title="A new workflow" namespace={namespace} base={{ text: "", generation: 0 }} begin={TEMPLATE} version="new"
      meta={<span>it runs when a policy or a person starts it</span>}
      close={() => void navigate({ to: "/workflows" })} saved={(name) => void navigate({ to: "/workflows/$namespace/$name", params: { namespace, name } })}
    >
      {(draft) => <Suspense fallback={<Loading what="the graph" />}><Drawn draft={draft} /></Suspense>}
    </Editing>
  );
}
