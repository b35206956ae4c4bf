/** What the pages of changes say before anything is drawn. */
import type { ChangeRecord, WindowView } from "../../data/types";
import { duration, moment } from "../../parts/format";

/** Where something is changed: services, then resources; `shop, db-1 and 3 more`. */
export function whereText(change: Pick<ChangeRecord, "services" | "resources">, most = 3): string {
  const all = [...change.services, ...change.resources];
  const left = all.length - most;
  return left > 0 ? `${all.slice(0, most).join(", ")} and ${String(left)} more` : all.join(", ");
}

/** `for 4 m, lapses at 12:30`, `took 12 m`: how long it runs or ran. */
export function lengthText(change: Pick<ChangeRecord, "started_at" | "ended_at" | "until">, now: number): string {
  const began = Date.parse(change.started_at);
  if (change.ended_at === null) return `for ${duration(Math.floor((now - began) / 1000) * 1000)}, until ${moment(change.until, now)} at the latest`;
  const took = Date.parse(change.ended_at) - began;
  return took < 1000 ? "at once" : `took ${duration(took)}`;
}

/** Names as people write them into one field: separated by commas, spaces or lines; each once. */
export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/u).filter((name) => name !== ""))];
}

/** A text in pieces: what reads as the id of a change, and what stands between. */
export function pieces(text: string): { text: string; id: string | null }[] {
  return text.split(/\b(CR-\d+)\b/u).map((part, index) => ({ text: part, id: index % 2 === 1 ? part : null })).filter((piece) => piece.text !== "");
}

/** A window that opens soon: its next time, and how often it opens besides within the same days, as far as is known. */
export interface Coming {
  window: WindowView;
  starts_at: string;
  ends_at: string;
  again: number;
}

/** Windows that open within so many days, each once, the next one first. */
export function comingWithin(windows: readonly WindowView[], days: number, now: number): Coming[] {
  const end = now + days * 86_400_000;
  return windows
    .flatMap((window) => {
      const [first, ...others] = window.next.filter((one) => Date.parse(one.starts_at) > now && Date.parse(one.starts_at) <= end);
      return first ? [{ window, ...first, again: others.length }] : [];
    })
    .toSorted((a, b) => a.starts_at.localeCompare(b.starts_at));
}
