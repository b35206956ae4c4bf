/** The parts of a handover in the order in which people read them. */
import type { HandedOver, HandoverLine, HandoverPart } from "../../data/types";

export type When = "since" | "until" | "due" | "ended" | "from";

export interface PartView {
  part: HandoverPart;
  title: string;
  /** What the instant of a line means. */
  when: When | "made";
  /** Where its lines lead, if to a page. */
  to: "/incidents/$id" | "/alerts/$id" | "/runs/$id" | "/changes/reported/$id" | null;
}

export const PARTS: readonly PartView[] = [
  { part: "open", title: "Open incidents nobody has acknowledged", when: "since", to: "/incidents/$id" },
  { part: "acknowledged", title: "Incidents someone works on", when: "since", to: "/incidents/$id" },
  { part: "updates", title: "Promised status updates", when: "due", to: "/incidents/$id" },
  { part: "overdue", title: "Overdue tasks and actions", when: "due", to: null },
  { part: "due", title: "Tasks and actions due in the next shift", when: "due", to: null },
  { part: "snoozed", title: "Snoozed alerts", when: "until", to: "/alerts/$id" },
  { part: "silences", title: "Silences that end in the next shift", when: "until", to: null },
  { part: "maintenance", title: "Maintenance, open or coming", when: "from", to: null },
  { part: "changes", title: "Changes, under way or made", when: "made", to: "/changes/reported/$id" },
  { part: "runs", title: "Runs under way", when: "since", to: "/runs/$id" },
  { part: "resolved", title: "Resolved since the shift began", when: "ended", to: "/incidents/$id" },
];

/** How many things a part has. */
function totalOf(drawn: HandedOver, part: HandoverPart): number {
  return drawn[part]?.total ?? 0;
}

/** The parts that have something to say. */
export function parts(drawn: HandedOver): PartView[] {
  return PARTS.filter(({ part }) => totalOf(drawn, part) > 0);
}

/** What was made ended, or runs since. */
export function whenOf(line: Pick<HandoverLine, "until">, view: Pick<PartView, "when">): When {
  if (view.when !== "made") return view.when;
  return line.until === null ? "since" : "ended";
}

/** The instant of a line that matters in its part. */
export function instantOf(line: Pick<HandoverLine, "at" | "until">, when: When): string | null {
  return when === "since" || when === "from" ? line.at : line.until;
}

/** How the instant of a line reads: words before and after how far it is away, which says `in 7 m` of what is to come. */
export function words(when: When, past: boolean): readonly [string, string] {
  switch (when) {
    case "since": return ["for", ""];
    case "ended": return ["ended", " ago"];
    case "due": return past ? ["was due", " ago"] : ["due", ""];
    case "until": return past ? ["ended", " ago"] : ["ends", ""];
    case "from": return past ? ["open for", ""] : ["begins", ""];
  }
}

/** What is handed over in a few words: `2 open, 1 overdue`. */
export function summary(drawn: HandedOver): string {
  const words: readonly [HandoverPart, string][] = [["open", "open"], ["acknowledged", "in work"], ["overdue", "overdue"], ["snoozed", "snoozed"], ["resolved", "resolved"]];
  const said = words.filter(([part]) => totalOf(drawn, part) > 0).map(([part, word]) => `${String(totalOf(drawn, part))} ${word}`);
  return said.length > 0 ? said.join(", ") : "nothing is open";
}
