import { describe, expect, it } from "vitest";

import type { AlertChange } from "../../data/types";
import { levelsOf, localMinute, nextMorning, pathOf, stepsOf, turnsOf } from "./history";

const change = (at: string, state: string, severity: AlertChange["severity"], value: number | null = null): AlertChange =>
  ({ at, state, severity, value, limit: null, unit: null, title: "", position: "0-1", type: "" });
const CHANGES = [
  change("2026-11-20T10:20:00Z", "resolved", "critical"),
  change("2026-11-20T10:10:00Z", "firing", "critical", 97),
  change("2026-11-20T10:00:00Z", "firing", "warning", 85),
];
const NOW = Date.parse("2026-11-20T10:40:00Z");

describe("an alert's history", () => {
  it("is steps from its first change until now", () => {
    expect(stepsOf(CHANGES, NOW)).toEqual([
      { from: 0, to: 0.25, level: "warning", value: 85 },
      { from: 0.25, to: 0.5, level: "critical", value: 97 },
      { from: 0.5, to: 1, level: "resolved", value: null },
    ]);
    expect(stepsOf([], NOW)).toEqual([]);
  });
  it("has a row for each level that occurs, the worst first", () => {
    expect(levelsOf(stepsOf(CHANGES, NOW))).toEqual(["critical", "warning", "resolved"]);
  });
  it("is a line that is broken where nothing was measured", () => {
    expect(pathOf(stepsOf(CHANGES, NOW), (step) => step.value)).toBe("M0 85L25 85L25 97L50 97");
    const steps = stepsOf([change("2026-11-20T10:30:00Z", "firing", "minor", 5), ...CHANGES], NOW);
    expect(pathOf(steps, (step) => step.value)).toBe("M0 85L25 85L25 97L50 97M75 5L100 5");
  });
  it("counts the changes among its last states", () => {
    expect(turnsOf(0)).toBe(0);
    expect(turnsOf(0b1011)).toBe(3);
  });
});

describe("a snooze", () => {
  it("until the morning ends at eight of the next day, whatever the hour", () => {
    expect(localMinute(nextMorning(new Date(2026, 11, 31, 23, 59, 59)))).toBe("2027-01-01T08:00");
    expect(localMinute(nextMorning(new Date(2026, 0, 5, 0, 1)))).toBe("2026-01-06T08:00");
  });
});
