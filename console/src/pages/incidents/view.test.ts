import { describe, expect, it } from "vitest";

import { actsOf, openFor, respondedAfter } from "./view";

describe("an incident's acts", () => {
  it("begin with acknowledging and end with closing", () => {
    expect(actsOf("open")[0]).toBe("acknowledge");
    expect(actsOf("acknowledged")).toEqual(["resolve"]);
    expect(actsOf("resolved")).toEqual(["close", "reopen"]);
    expect(actsOf("closed")).toEqual([]);
  });
});

describe("an incident's times", () => {
  const opened_at = "2026-11-20T10:00:00Z";
  it("run until it is resolved", () => {
    expect(openFor({ opened_at, resolved_at: null }, Date.parse("2026-11-20T10:07:24Z"))).toBe("7 m");
    expect(openFor({ opened_at, resolved_at: "2026-11-20T10:30:00Z" }, Date.parse("2026-11-21T10:00:00Z"))).toBe("30 m");
  });
  it("say how soon someone took it on", () => {
    expect(respondedAfter({ opened_at, acknowledged_at: "2026-11-20T10:02:15Z" })).toBe("2 m");
    expect(respondedAfter({ opened_at, acknowledged_at: null })).toBeNull();
  });
});
