/** A node of a drawing of the topology, apart from what draws it. */
import type { Place } from "../data/types";
import { plural } from "./format";

/** A node to draw: a place, what it is here, or a group of places that stand for one. */
export interface Dot {
  place: Place;
  /** What the incident makes of it. */
  mark?: "cause" | "symptom" | "related";
  rank?: number | null;
  fails?: boolean;
  /** Second line; without it, what the place is and what fires there. */
  note?: string;
  faint?: boolean;
  /** Places that it stands for besides its own. */
  folded?: number;
}

export function noteOf(dot: Dot): string {
  if (dot.note !== undefined) return dot.note;
  const { place } = dot;
  if (dot.mark === "cause") return "cause";
  if (place.alerts_firing > 0) return `${place.type || "resource"}, ${plural(place.alerts_firing, "alert")}`;
  return place.type || (place.kind === "Service" ? "service" : "resource");
}
