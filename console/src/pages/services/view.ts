/** What the pages of services say before anything is drawn. */
import type { MapNode, Place, Surroundings, TopologyMap, WrittenMatcher } from "../../data/types";
import { count, plural } from "../../parts/format";
import type { Dot } from "../../parts/dot";

/** `2,041 places, folded into 38; 12 are not shown`. */
export function mapSaid(map: Pick<TopologyMap, "total" | "nodes" | "not_shown" | "fold" | "edges_not_shown" | "elsewhere">): string {
  const parts = [map.fold === "none" || map.nodes.length === map.total ? plural(map.total, "place") : `${plural(map.total, "place")}, drawn as ${count(map.nodes.length)}`];
  if (map.not_shown > 0) parts.push(`${count(map.not_shown)} are not shown`);
  if (map.edges_not_shown > 0) parts.push(`${plural(map.edges_not_shown, "line")} left out`);
  if (map.elsewhere > 0) parts.push(`${plural(map.elsewhere, "alert")} about what is not on the map`);
  return parts.join("; ");
}

export function dotOf(node: MapNode): Dot {
  const { place, folded, failing } = node;
  const note = folded > 0 ? `${plural(folded, "place")} in it${failing > 0 ? `, ${count(failing)} fail` : ""}` : undefined;
  return { place, folded, fails: failing > 0, ...(note ? { note } : {}) };
}

/** A place and what is around it, each once. */
export function aroundOf(found: Surroundings): MapNode[] {
  const places = new Map([found.place, ...found.needs.map((one) => one.place), ...found.needed_by.map((one) => one.place)].map((place) => [place.id, place]));
  return [...places.values()].map((place) => ({ place, folded: 0, failing: place.severity === "clear" ? 0 : 1, opens: false }));
}

function holds(matcher: WrittenMatcher, values: readonly string[]): boolean {
  let hit: boolean;
  if (matcher.is_regex) {
    try {
      const wanted = new RegExp(`^(?:${matcher.value})$`);
      hit = values.some((value) => wanted.test(value));
    } catch {
      // The server's expressions know forms that a browser's do not: then nothing is claimed.
      return false;
    }
  } else hit = values.includes(matcher.value);
  return hit === (matcher.is_equal ?? true);
}

/** Whether matchers are about this place: those that name a resource or a service hold, and there is one. */
export function concerns(matchers: readonly WrittenMatcher[], place: Pick<Place, "kind" | "name" | "aliases">): boolean {
  const wanted = place.kind === "Service" ? "service" : "resource";
  const own = matchers.filter((matcher) => matcher.name === wanted);
  return own.length > 0 && own.every((matcher) => holds(matcher, [place.name, ...place.aliases])) && !matchers.some((matcher) => matcher.name === (wanted === "service" ? "resource" : "service"));
}
