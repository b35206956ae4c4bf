import { describe, expect, it } from "vitest";

import type { Availability } from "../../data/types";
import { budgetText, burnText, dayState, dayText, percent } from "./availability";

const day = (more: Partial<Availability["days"][number]>) => ({ date: "2026-05-01", availability: 100, down_s: 0, expected_s: 0, unknown_s: 0, ...more });
const budget = (more: object) => ({ availability: 99.9, window_s: 2_592_000, counts: "major" as const, total_s: 2592, used_s: 0, left_s: 2592, left_percent: 100, burn: [], ...more });

describe("availability", () => {
  it("is not rounded up to what it was not", () => {
    expect([percent(99.9999), percent(100), percent(99.95), percent(null)]).toEqual(["99.999 %", "100 %", "99.95 %", "not known"]);
  });
  it("of a day says what was, or that nothing is known", () => {
    expect(dayText(day({ down_s: 720 }))).toBe("2026-05-01: down for 12 m");
    expect(dayText(day({ down_s: 60, expected_s: 3600 }))).toBe("2026-05-01: down for 1 m, and 1 h as expected");
    expect(dayText(day({ expected_s: 3600 }))).toBe("2026-05-01: down 1 h as expected");
    expect([dayState(day({})), dayState(day({ availability: null })), dayState(day({ expected_s: 1 })), dayState(day({ expected_s: 1, down_s: 1 }))]).toEqual(["well", "unknown", "expected", "down"]);
  });
  it("has a budget, of which something is left, or which was missed", () => {
    expect(budgetText(budget({ left_s: 1200 }))).toBe("20 m of 43 m left within 30 d");
    expect(budgetText(budget({ left_s: -600 }))).toBe("missed by 10 m within 30 d");
    expect(burnText(budget({ burn: [{ over: "5m", rate: 20 }, { over: "1h", rate: 14.4 }] }))).toBe("it is used up 14 times as fast as it may be");
    expect(burnText(budget({ burn: [{ over: "5m", rate: 0 }, { over: "1h", rate: 14.4 }] }))).toBe("");
  });
});
