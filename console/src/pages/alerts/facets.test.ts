import { describe, expect, it } from "vitest";

import { askedOf, GROUPS, heldBy, narrowedTo, ordered, worth } from "./facets";

describe("a facet", () => {
  it("is held by the address once one has narrowed to it, and not when one has widened again", () => {
    const values: Record<string, string[]> = { state: ["firing", "acknowledged", "quiet", "resolved"] };
    for (const group of GROUPS) {
      for (const value of values[group.field] ?? ["some"]) {
        expect(heldBy(group, narrowedTo(group, value)), `${group.field} ${value}`).toBe(value);
        expect(heldBy(group, { ...narrowedTo(group, value), ...narrowedTo(group, null) })).toBeNull();
      }
    }
  });

  it("is shown where it tells some apart", () => {
    const once = [{ value: "a", count: 1 }, { value: "b", count: 1 }];
    expect(worth({ field: "resource", words: false }, once, null)).toBe(false);
    expect(worth({ field: "quiet", words: true }, once, null)).toBe(true);
    expect(worth({ field: "service", words: false }, [{ value: "a", count: 9 }], null)).toBe(false);
    expect(worth({ field: "service", words: false }, [{ value: "a", count: 9 }], "a")).toBe(true);
    expect(worth({ field: "namespace", words: false }, [{ value: "a", count: 9 }], "a")).toBe(false);
  });

  it("of severities begins with the worst", () => {
    expect(ordered({ field: "severity" }, [{ value: "minor", count: 9 }, { value: "critical", count: 1 }]).map((one) => one.value)).toEqual(["critical", "minor"]);
  });

  it("asks the API for what it counts", () => {
    const asked = (field: "state" | "quiet", value: string) => askedOf(narrowedTo({ field }, value), undefined);
    expect(asked("state", "firing")).toMatchObject({ state: "firing", quiet: false, acknowledged: false });
    expect(asked("state", "acknowledged")).toMatchObject({ state: "firing", quiet: false, acknowledged: true });
    expect(asked("state", "quiet")).toMatchObject({ state: "firing", quiet: true });
    expect(asked("state", "resolved")).toMatchObject({ state: "resolved" });
    expect(asked("quiet", "snoozed")).toMatchObject({ state: "firing", quiet_reason: "snoozed" });
    expect(askedOf({ state: "all" }, undefined)).toMatchObject({ state: "" });
  });
});
