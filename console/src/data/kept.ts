/**
 * Text that was written and not saved, kept in this tab as it is typed: a session that ends, or a page that is loaded anew,
 * does not take it along. It is offered to the person who wrote it alone.
 */

export interface Kept {
  by: string;
  text: string;
  /** When it was written last. */
  at: string;
}

const nameOf = (place: string): string => `oncue-unsaved ${place}`;

export function keep(place: string, kept: Kept, store: Storage = window.sessionStorage): void {
  store.setItem(nameOf(place), JSON.stringify(kept));
}

export function forget(place: string, store: Storage = window.sessionStorage): void {
  store.removeItem(nameOf(place));
}

/** What `by` wrote at this place; null if there is nothing, or it says the same as `begin`. */
export function keptOf(place: string, by: string, begin: string, store: Storage = window.sessionStorage): Kept | null {
  const kept = JSON.parse(store.getItem(nameOf(place)) ?? "null") as Kept | null;
  return kept !== null && kept.by === by && kept.text.trimEnd() !== begin.trimEnd() ? kept : null;
}
