/** The namespaces that the console knows of: one's own, those of one's roles, of policies, and of the address. */
import { useShort } from "../data/lists";
import { useMe } from "../data/me";
import { useFilters } from "./filters";

export function useNamespaces(): string[] {
  const [filters] = useFilters();
  const me = useMe().data;
  const policies = useShort<{ namespace: string }>("policies", { limit: 500 });
  const all = new Set<string>([...(me ? [me.home] : []), ...(policies.data?.items.map((each) => each.namespace) ?? [])]);
  for (const binding of me?.bindings ?? []) if (binding.namespace !== "*") all.add(binding.namespace);
  if (filters["namespace"]) all.add(filters["namespace"]);
  return [...all].sort();
}
