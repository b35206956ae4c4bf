/** What of a whole list belongs to the namespace that the address names; all of it if it names none. */
export function inNamespace<T extends { namespace: string }>(items: readonly T[], namespace: string | undefined): T[] {
  return items.filter((item) => !namespace || item.namespace === namespace);
}
