import { describe, expect, it } from "vitest";

import { bytes, duration, initials, measure, plural, relative, sentence } from "./format";

describe("duration", () => {
  it.each([
    [0, "0 ms"], [840, "840 ms"], [1900, "1.9 s"], [7000, "7 s"], [59_000, "59 s"], [7 * 60_000 + 24_000, "7 m"],
    [99 * 60_000, "1 h 39 m"], [3_600_000, "1 h"], [76 * 3_600_000, "3 d 4 h"], [20 * 86_400_000 + 1, "20 d"], [-5, "0 ms"],
  ])("shows %d ms as %s", (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});

describe("relative", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  it("says now for the last five seconds", () => {
    expect(relative("2026-11-20T11:59:56Z", now)).toBe("now");
  });
  it("gives ages without a word and the future with one", () => {
    expect(relative("2026-11-20T11:59:30Z", now)).toBe("30 s");
    expect(relative("2026-11-20T11:53:00Z", now)).toBe("7 m");
    expect(relative("2026-11-20T12:08:00Z", now)).toBe("in 8 m");
  });
  it("shows nothing for what is no instant", () => {
    expect(relative("soon", now)).toBe("");
  });
});

describe("measures", () => {
  it("keeps four significant digits and its unit", () => {
    expect(measure(97.2345, "percent")).toBe("97.23 %");
    expect(measure(1912, null)).toBe("1,912");
    expect(measure(0.0384, "s")).toBe("38 ms");
    expect(measure(null, "s")).toBe("");
  });
  it("scales bytes by thousands", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(1_234_567)).toBe("1.23 MB");
  });
});

describe("words", () => {
  it("counts things", () => {
    expect(plural(1, "alert")).toBe("1 alert");
    expect(plural(1312480, "event")).toBe("1,312,480 events");
  });
  it("turns codes into sentences", () => {
    expect(sentence("in_progress")).toBe("In progress");
  });
  it("takes initials from names of any form", () => {
    expect(initials("basis-1")).toBe("B1");
    expect(initials("admin")).toBe("AD");
  });
});
