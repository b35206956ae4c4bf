/** A new policy, begun from the smallest one that says something. */
import { useNavigate } from "@tanstack/react-router";

import { useMe } from "../../data/me";
import { useFilters } from "../../shell/filters";
import { Loading } from "../../parts/states";
import { Editing } from "./Editing";
import { TryOn } from "./TryOn";

const TEMPLATE = `apiVersion: oncue/v1
kind: Policy
metadata:
  name: my-policy
spec:
  description: What it is for
  mode: observe
  match:
    types: [org.example.disk.full]
  alert:
    severity: major
    title: "Disk full on \${event.resource}"
`;

export default function NewPolicyPage() {
  const [filters, change] = useFilters();
  const navigate = useNavigate();
  const me = useMe().data;
  if (!me) return <div className="page"><Loading what="who you are" /></div>;
  const namespace = filters["namespace"] ?? me.home;
  return (
    <Editing
      kind="Policy" title="A new policy" namespace={namespace} base={{ text: "", generation: 0 }} begin={TEMPLATE} version="new"
      meta={<span>it only observes until its mode is active</span>}
      close={() => void navigate({ to: "/policies" })} saved={(name) => void navigate({ to: "/policies/$namespace/$name", params: { namespace, name } })}
    >
      {(draft) => <TryOn namespace={namespace} {...(draft.name ? { policy: `${namespace}/${draft.name}` } : {})} draft={draft.ready ? draft.text : undefined} position={filters["on"]} choose={(position) => change({ on: position })} />}
    </Editing>
  );
}
