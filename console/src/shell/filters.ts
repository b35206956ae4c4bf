/** Filters, time ranges and selections live in the address, so that any view can be sent to a colleague. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export type Search = Record<string, string | undefined>;

/** The address's parameters, and a way to change some of them; an empty value takes one out. */
export function useFilters(): [Search, (change: Search) => void] {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const change = useCallback(
    (next: Search) => {
      void navigate({
        to: ".",
        replace: true,
        search: (old: Search) => clean({ ...old, ...next }),
      });
    },
    [navigate],
  );
  return [search, change];
}

export function clean(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ""));
}

const SPANS: Record<string, number> = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };

/** The start of a range such as `1h` as an instant; an instant stays as it is. */
export function sinceOf(range: string | undefined, now: number): string | undefined {
  if (range === undefined || range === "") return undefined;
  const seconds = SPANS[range];
  // Rounded, so that a list is not another list at every drawing.
  if (seconds !== undefined) return new Date(Math.floor(now / 60_000) * 60_000 - seconds * 1000).toISOString();
  return Number.isNaN(Date.parse(range)) ? undefined : range;
}
