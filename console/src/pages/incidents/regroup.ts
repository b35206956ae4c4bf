/** What merging, splitting and moving will do, in words, before it is done. */
import type { Alert, Incident, Severity } from "../../data/types";
import { SEVERITIES } from "../../data/types";
import { plural } from "../../parts/format";

export type Regrouping = "split" | "move" | "detach";

type Shape = Pick<Incident, "id" | "severity" | "priority" | "alerts_total" | "alerts_firing" | "tickets" | "runs">;

const list = (words: readonly string[]): string => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`);
const worse = (a: Severity, b: Severity): boolean => SEVERITIES.indexOf(a) < SEVERITIES.indexOf(b);

/** What becomes of incidents that join `into`. Empty while none is chosen. */
export function mergePreview(into: Shape, others: readonly Shape[]): string[] {
  if (others.length === 0) return [];
  const sum = (of: (one: Shape) => number): number => others.reduce((total, one) => total + of(one), 0);
  const goods = [plural(sum((one) => one.alerts_total), "alert"), sum((one) => one.tickets.length) > 0 && plural(sum((one) => one.tickets.length), "ticket"), sum((one) => one.runs.length) > 0 && plural(sum((one) => one.runs.length), "run")];
  const worst = others.reduce((found, one) => (worse(one.severity, found.severity) ? one : found), others[0] ?? into);
  const said = [
    `${list(others.map((one) => one.id))} ${others.length === 1 ? "closes and becomes" : "close and become"} part of ${into.id}; ${list(goods.filter((each) => each !== false))} ${sum((one) => one.alerts_total) + sum((one) => one.tickets.length) + sum((one) => one.runs.length) === 1 ? "goes" : "go"} with ${others.length === 1 ? "it" : "them"}.`,
  ];
  if (worse(worst.severity, into.severity)) said.push(`${into.id} takes the title and the severity of ${worst.id}, which is ${worst.severity}.`);
  const highest = [...others.map((one) => one.priority)].toSorted()[0] ?? into.priority;
  said.push(highest < into.priority ? `Its priority may rise to ${highest}; those who were told hear of that.` : "Nobody is told anew.");
  said.push(`To take it back, split the alerts off ${into.id} again: they become a new incident, the closed ${others.length === 1 ? "one stays" : "ones stay"} closed.`);
  return said;
}

/** What becomes of chosen alerts. `to` is the incident that they are moved to. */
export function regroupPreview(how: Regrouping, home: Shape, chosen: readonly Pick<Alert, "state" | "severity" | "title">[], to: Pick<Incident, "id" | "title"> | null): string[] {
  const n = chosen.length;
  const firing = chosen.filter((alert) => alert.state === "firing");
  const left = home.alerts_firing - firing.length;
  const worst = firing.reduce<(typeof firing)[number] | undefined>((found, one) => (found === undefined || worse(one.severity, found.severity) ? one : found), undefined);
  const said: string[] = [];
  if (how === "split") said.push(`${plural(n, "alert")} of ${home.id} ${n === 1 ? "becomes" : "become"} a new incident${worst ? `, “${worst.title}”` : ""}. It keeps who is assigned, and nobody is told anew.`);
  if (how === "move") said.push(to ? `${plural(n, "alert")} ${n === 1 ? "goes" : "go"} from ${home.id} to ${to.id}, “${to.title}”.` : "Choose the incident that they belong to.");
  if (how === "detach") said.push(`${plural(n, "alert")} ${n === 1 ? "belongs" : "belong"} to no incident from now on: ${n === 1 ? "it stays an alert of its own, and nobody is told of it" : "they stay alerts of their own, and nobody is told of them"}.`);
  said.push(left > 0 ? `${plural(left, "alert")} that ${left === 1 ? "fires stays" : "fire stay"} in ${home.id}; new alerts about the same join it, as before.` : `Nothing that fires is left in ${home.id}, so it resolves.`);
  if (how !== "split" || home.alerts_total > n) said.push(`No rule merges ${home.id} with others from then on: its shape was given by hand.`);
  if (how === "split") said.push("To take it back, merge the new incident into this one.");
  if (how === "move" && to) said.push(`To take it back, move ${n === 1 ? "it" : "them"} from ${to.id} to ${home.id}.`);
  if (how === "detach") said.push("This cannot be taken back by hand: an alert is grouped anew only when it returns after it was over.");
  return said;
}

/** Why this cannot be done with these; empty if it can. */
export function refusal(how: Regrouping, home: Shape, chosen: readonly Pick<Alert, "state">[]): string {
  if (how !== "split") return "";
  if (chosen.length >= home.alerts_total) return "Leave at least one alert in this incident";
  if (!chosen.some((alert) => alert.state === "firing")) return "An incident needs an alert that fires";
  return "";
}
