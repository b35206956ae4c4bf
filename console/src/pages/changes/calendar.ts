/** The calendar of changes, day by day in the viewer's zone: freezes, windows and changes, each on the days that it touches. */
import type { ChangeCalendar, ChangeSlot, PlannedChange } from "../../data/types";

export const WEEKS = 4;
const HOUR = 3_600_000;
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export interface Held<T> {
  item: T;
  /** `22:00 to 04:00`, `from 18:00`, `until 06:00`, `all day`. */
  when: string;
}

export interface Day {
  /** Its first instant. */
  at: Date;
  key: string;
  today: boolean;
  past: boolean;
  freezes: Held<ChangeSlot>[];
  windows: Held<ChangeSlot>[];
  changes: Held<PlannedChange>[];
}

export const dayKey = (day: Date): string => `${String(day.getFullYear())}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;

/** The Monday of the week that a day such as `2026-11-24` lies in, or of the present one. */
export function mondayOf(typed: string | undefined, now: number): Date {
  const [year = 0, month = 0, day = 0] = /^\d{4}-\d{2}-\d{2}$/.test(typed ?? "") ? (typed ?? "").split("-").map(Number) : [];
  const given = year > 0 ? new Date(year, month - 1, day) : new Date(now);
  return new Date(given.getFullYear(), given.getMonth(), given.getDate() - ((given.getDay() + 6) % 7));
}

/** So many days later, at midnight whatever the clocks do in between. */
export const later = (day: Date, days: number): Date => new Date(day.getFullYear(), day.getMonth(), day.getDate() + days);

/** Whether, and when, something is on a day; what lasts less than a day is on the day that it begins. */
export function onDay(from: number, to: number | null, day: Date): string | null {
  const begins = day.getTime();
  const ends = later(day, 1).getTime();
  const first = from >= begins && from < ends;
  if (to === null || to <= from) return first ? CLOCK.format(from) : null;
  if (to - from <= 24 * HOUR) return first ? `${CLOCK.format(from)} to ${CLOCK.format(to)}` : null;
  if (from >= ends || to <= begins) return null;
  if (first && from > begins) return `from ${CLOCK.format(from)}`;
  return to < ends ? `until ${CLOCK.format(to)}` : "all day";
}

export function daysOf(calendar: ChangeCalendar, from: Date, weeks: number, now: number): Day[] {
  const today = dayKey(new Date(now));
  const slots = (all: readonly ChangeSlot[], day: Date): Held<ChangeSlot>[] => all.flatMap((item) => {
    const when = onDay(Date.parse(item.starts_at), Date.parse(item.ends_at), day);
    return when === null ? [] : [{ item, when }];
  });
  return Array.from({ length: weeks * 7 }, (_, index) => {
    const at = later(from, index);
    const key = dayKey(at);
    return {
      at, key, today: key === today, past: key < today, freezes: slots(calendar.freezes, at), windows: slots(calendar.windows, at),
      changes: calendar.changes.flatMap((item) => {
        const when = onDay(Date.parse(item.starts_at), item.ends_at === null ? null : Date.parse(item.ends_at), at);
        return when === null ? [] : [{ item, when }];
      }),
    };
  });
}

/** Whether a freeze lies over all of a window, or a part of it. */
export const isShut = (window: ChangeSlot, freezes: readonly ChangeSlot[]): boolean =>
  freezes.some((freeze) => Date.parse(freeze.starts_at) < Date.parse(window.ends_at) && Date.parse(freeze.ends_at) > Date.parse(window.starts_at) && freeze.calendar === window.calendar && freeze.namespace === window.namespace);

/** Days for a list: what is ahead, and of a freeze only the day that it begins, or the present one. */
export function listed(days: readonly Day[]): Day[] {
  return days.filter((day) => !day.past)
    .map((day) => ({ ...day, freezes: day.freezes.filter(({ item }) => day.today || dayKey(new Date(item.starts_at)) === day.key) }))
    .filter((day) => !isEmpty(day));
}

export const isEmpty = (day: Day): boolean => day.freezes.length + day.windows.length + day.changes.length === 0;

/** The next freeze, or the one that holds now; null where none is known. */
export function nextFreeze(calendar: ChangeCalendar, now: number): { slot: ChangeSlot; holds: boolean } | null {
  const [slot] = calendar.freezes.filter((one) => Date.parse(one.ends_at) > now).toSorted((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at));
  return slot === undefined ? null : { slot, holds: Date.parse(slot.starts_at) <= now };
}
