import { describe, expect, it } from "vitest";

import { matchersText, endsSoon, reasonText, ruleText, whenText } from "./view";

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
  it("of a window recurs as people say it, or as it is written", () => {
    expect(ruleText("FREQ=MONTHLY;BYDAY=1SU")).toBe("every month on the first Sun");
    expect(ruleText("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4")).toBe("every 2 weeks on Mon, Fri, 4 times");
    expect(ruleText("FREQ=DAILY;UNTIL=20270301T000000Z")).toBe("every day, until 2027-03-01");
    expect(ruleText("FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=2,14;BYMINUTE=0")).toBe("every week on Mon, Tue at 02:00, 14:00");
    for (const rule of ["FREQ=WEEKLY;BYDAY=MO;BYHOUR=2,14", "FREQ=MONTHLY;BYDAY=7SU", "FREQ=HOURLY"]) expect(ruleText(rule)).toBe(rule);
  });
  it("that ends soon says so", () => {
    const now = Date.parse("2026-05-01T12:00:00Z");
    expect([endsSoon("2026-05-01T12:12:30Z", now), endsSoon("2026-05-01T12:00:30Z", now)]).toEqual(["ends in 12 m", "ends in 30 s"]);
    expect([endsSoon("2026-05-01T14:00:00Z", now), endsSoon("2026-05-01T11:00:00Z", now), endsSoon(null, now)]).toEqual([null, null, null]);
  });
  it("that is new to the console is shown as it is", () => {
    expect(reasonText({ reason: "some_new_reason", by: "x" }).text).toBe("some new reason");
  });
});
