import { describe, expect, it } from "vitest";

import type { ChangeCalendar } from "../../data/types";
import { dayKey, daysOf, isShut, later, listed, mondayOf, nextFreeze, onDay } from "./calendar";

/** Instants of the viewer's own day, whatever zone the tests run in. */
const local = (day: number, hour = 0, minute = 0): Date => new Date(2026, 10, day, hour, minute);
const NOW = local(25, 12).getTime();
const calendar = (fields: Partial<ChangeCalendar>): ChangeCalendar => ({ windows: [], freezes: [], changes: [], ...fields });
const slot = (title: string, from: Date, to: Date) => ({ calendar: "nights", namespace: "default", title, starts_at: from.toISOString(), ends_at: to.toISOString() });

describe("weeks", () => {
  it("begin on a Monday, the present one unless another is named", () => {
    expect(dayKey(mondayOf(undefined, NOW))).toBe("2026-11-23");
    expect(dayKey(mondayOf("2026-12-06", NOW))).toBe("2026-11-30");
    expect(dayKey(mondayOf("nonsense", NOW))).toBe("2026-11-23");
    expect(dayKey(later(local(30), 1))).toBe("2026-12-01");
  });
});

describe("what is on a day", () => {
  const on = (from: Date, to: Date | null, day: number) => onDay(from.getTime(), to?.getTime() ?? null, local(day));
  it("is on the day that it begins, if it lasts less than one", () => {
    expect(on(local(24, 22), local(25, 4), 24)).toBe("22:00 to 04:00");
    expect(on(local(24, 22), local(25, 4), 25)).toBeNull();
    expect(on(local(24, 22), null, 24)).toBe("22:00");
    expect(on(local(24, 22), null, 25)).toBeNull();
  });
  it("is on each day that it touches, if it lasts longer", () => {
    const days = [23, 24, 25, 26, 27].map((day) => on(local(24, 18), local(26, 6), day));
    expect(days).toEqual([null, "from 18:00", "all day", "until 06:00", null]);
    expect(on(local(24), local(27), 24)).toBe("all day");
    expect(on(local(24), local(27), 27)).toBeNull();
  });
  it("stands with freezes, windows and changes apart", () => {
    const change = { id: "CHG-1", namespace: "default", title: "Upgrade", type: "normal", state: "scheduled" as const, run_state: null, close_code: null, starts_at: local(26, 1).toISOString(), ends_at: null, targets: 1, conflicts: ["CHG-2"], owner_busy: [] };
    const days = daysOf(calendar({ freezes: [slot("Closing", local(26), local(28))], windows: [slot("Night", local(25, 22), local(26, 4))], changes: [change] }), local(23), 1, NOW);
    expect(days.map((day) => [day.freezes.length, day.windows.length, day.changes.length])).toEqual([[0, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]]);
    expect(days.map((day) => (day.today ? "today" : day.past ? "past" : "ahead"))).toEqual(["past", "past", "today", "ahead", "ahead", "ahead", "ahead"]);
  });
});

describe("a list of days", () => {
  it("has a freeze once, where it begins, or where it holds today", () => {
    const days = daysOf(calendar({ freezes: [slot("Now", local(24), local(27)), slot("Later", local(28, 18), local(30))], windows: [slot("Night", local(29, 22), local(30, 4))] }), local(23), 1, NOW);
    expect(listed(days).map((day) => [day.key.slice(-2), day.freezes.map((one) => one.item.title), day.windows.length])).toEqual([["25", ["Now"], 0], ["28", ["Later"], 0], ["29", [], 1]]);
  });
  it("says of a window that it is frozen by a freeze of its own calendar", () => {
    const night = slot("Night", local(29, 22), local(30, 4));
    expect(isShut(night, [slot("Closing", local(29, 23), local(30))])).toBe(true);
    expect(isShut(night, [{ ...slot("Closing", local(29, 23), local(30)), calendar: "other" }])).toBe(false);
    expect(isShut(night, [slot("Closing", local(28), local(29))])).toBe(false);
  });
});

it("the freeze that holds, or comes next, is known", () => {
  const found = (...freezes: ReturnType<typeof slot>[]) => nextFreeze(calendar({ freezes }), NOW);
  expect(found(slot("Later", local(29), local(30)), slot("Now", local(24), local(26)))).toMatchObject({ holds: true, slot: { title: "Now" } });
  expect(found(slot("Later", local(29), local(30)), slot("Over", local(23), local(24)))).toMatchObject({ holds: false, slot: { title: "Later" } });
  expect(found()).toBeNull();
});
