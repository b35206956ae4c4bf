/** Instants: relative to now, exact on hover; one ticking clock for the whole page. */
import { useSyncExternalStore } from "react";

import { clock, exact, relative } from "./format";

let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** The present instant in milliseconds, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function RelativeTime({ at, suffix = "" }: { at: string | null | undefined; suffix?: string }) {
  const text = useSyncExternalStore(subscribe, () => (at ? relative(at, now) : ""));
  if (!at) return <span className="dim3">never</span>;
  return <time dateTime={at} title={exact(at)}>{text}{text === "now" ? "" : suffix}</time>;
}

/** The clock time in the viewer's zone. */
export function Clock({ at }: { at: string }) {
  return <time dateTime={at} title={exact(at)}>{clock(at)}</time>;
}
