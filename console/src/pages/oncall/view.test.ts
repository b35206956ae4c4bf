import { describe, expect, it } from "vitest";

import { triedOf } from "../../data/calling";
import type { Fact } from "../../data/types";
import { after, branchText, levels, terms, waysOf } from "./view";

const policy = { spec: { levels: [{ tell: ["channel:desk", "user:basis-1"] }, { tell: ["team:managers"], wait: "30m" }], repeat: 2, then: "managers", acknowledge_timeout: "4h", branches: [{ priorities: ["P5"], levels: [] }] } };

describe("an escalation policy in words", () => {
  it("names its levels with the time that each has", () => {
    expect(levels(policy)).toEqual([{ tell: "channel:desk, user:basis-1", wait: "5m" }, { tell: "team:managers", wait: "30m" }]);
  });

  it("says what happens after them", () => {
    expect(terms(policy)).toEqual(["1 branch with other levels", "repeats 2 times", "then managers", "begins again 4h after it was acknowledged"]);
    expect(terms({ spec: { levels: [] } })).toEqual([]);
  });

  it("says which branch a plan takes", () => {
    expect(branchText({ branch: 0, priority: "P5" }, policy)).toBe("Branch 1 of 1, for P5.");
    expect(branchText({ branch: 1, priority: "P1" }, policy)).toContain("No branch fits");
    expect(branchText({ branch: 0, priority: "P1" }, { spec: {} })).toBe("");
  });
});

describe("how someone is told", () => {
  it("is one channel after the other", () => {
    expect(waysOf([{ channel: "push", after: "0s" }, { channel: "mail", after: "2m" }])).toBe("push, then mail after 2m");
    expect(after("2027-05-01T03:05:00Z", "2027-05-01T03:00:00Z")).toBe("+5 m");
    expect(after("2027-05-01T03:00:00Z", "2027-05-01T03:00:00Z")).toBe("at once");
  });
});

describe("what became of a test", () => {
  it("is what the last fact of the effect says", () => {
    const fact = (position: string, state: string, reason: string | null): Fact => ({ id: "eff-1", position, event: { data: { state, reason, attempt: 2 } } }) as unknown as Fact;
    expect(triedOf({ id: "eff-1", facts: [fact("0-12", "failed", "refused"), fact("0-9", "pending", null)] })).toEqual({ state: "failed", attempt: 2, error: "refused" });
    expect(triedOf({ id: "eff-1", facts: [] }).state).toBe("pending");
  });
});
