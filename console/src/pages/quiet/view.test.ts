import { describe, expect, it } from "vitest";

import { matchersText, reasonText, whenText } from "./view";

const now = Date.parse("2026-11-20T12:00:00Z");
const night = { starts_at: "2026-11-28T21:00:00Z", ends_at: "2026-11-29T01:00:00Z" };

describe("matchers", () => {
  it("read as people write them, with what a manifest leaves out", () => {
    expect(matchersText([
      { name: "resource", value: "db-.*", is_regex: true }, { name: "check", value: "disk" },
      { name: "env", value: "test", is_equal: false }, { name: "zone", value: "a|b", is_regex: true, is_equal: false },
    ])).toBe('resource=~"db-.*", check="disk", env!="test", zone!~"a|b"');
  });
});

describe("a window", () => {
  it("says until when it is open", () => {
    expect(whenText({ state: "open", open: night, next: [] }, now)).toMatch(/^open until .*\d\d:00$/);
  });
  it("says when it opens next, and for how long", () => {
    expect(whenText({ state: "coming", open: null, next: [night] }, now)).toMatch(/^opens .*\d\d:00 for 4 h$/);
  });
  it("says that it is over", () => {
    expect(whenText({ state: "over", open: null, next: [] }, now)).toBe("over, never opens again");
  });
});

describe("a reason for quiet", () => {
  it("names who snoozed, and what comes then", () => {
    expect(reasonText({ reason: "snoozed", by: "user:basis-1" })).toEqual({ text: "basis-1 snoozed it", then: "people are told again then" });
  });
  it("that is new to the console is shown as it is", () => {
    expect(reasonText({ reason: "expected_by_change", by: "x" }).text).toBe("expected by change");
  });
});
