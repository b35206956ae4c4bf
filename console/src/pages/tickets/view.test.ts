import { describe, expect, it } from "vitest";

import { mirrorWords, NEXT, verb, waits } from "./view";

describe("a ticket's way", () => {
  it("ends in closed", () => {
    expect(NEXT.closed).toEqual([]);
  });
  it("can be reopened until then", () => {
    expect(NEXT.resolved).toContain("in_progress");
    expect(verb("resolved", "in_progress")).toBe("Reopen");
    expect(verb("new", "in_progress")).toBe("Begin work");
  });
});

describe("how its counterpart stands", () => {
  it("is not merely on its way once it failed", () => {
    expect(mirrorWords({ state: "pending", failures: 0 })).toBe("On its way");
    expect(mirrorWords({ state: "pending", failures: 2 })).toBe("Not through yet");
    expect(mirrorWords({ state: "in_step", failures: 0 })).toBe("In step");
  });
});

describe("what another system lacks", () => {
  it("is said with the reason", () => {
    const comment = { id: "co-1", by: "basis-1", at: "2026-03-01T03:00:00Z", text: "Seen." };
    expect(waits({ waiting: [], error_code: null, error: null })).toBe("");
    expect(waits({ waiting: [comment], error_code: "itsm.unavailable", error: "status 503" })).toBe("1 comment waits; status 503");
    expect(waits({ waiting: [comment, comment], error_code: null, error: null })).toBe("2 comments wait");
  });
});
