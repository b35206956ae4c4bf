import { describe, expect, it } from "vitest";

import { NEXT, verb } from "./view";

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
