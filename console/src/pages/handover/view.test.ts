import { describe, expect, it } from "vitest";

import type { HandedOver } from "../../data/types";
import { instantOf, parts, summary, whenOf, words, PARTS } from "./view";

const NOTHING = Object.fromEntries(PARTS.map(({ part }) => [part, { items: [], total: 0 }]));
const standing = (more: Partial<HandedOver>): HandedOver => ({ at: "2026-03-01T03:00:00Z", ...NOTHING, ...more }) as HandedOver;

describe("a handover", () => {
  it("shows the parts that have something to say, in their order", () => {
    const drawn = standing({ resolved: { items: [], total: 3 }, open: { items: [], total: 1 } });
    expect(parts(drawn).map((one) => one.part)).toEqual(["open", "resolved"]);
    expect(summary(drawn)).toBe("1 open, 3 resolved");
    expect(summary(standing({}))).toBe("nothing is open");
  });

  it("of long ago may lack a part", () => {
    expect(parts({ at: "2026-03-01T03:00:00Z" })).toEqual([]);
  });

  it("shows of each line the instant that matters", () => {
    const line = { at: "2026-03-01T01:00:00Z", until: "2026-03-01T05:00:00Z" };
    expect(instantOf(line, "since")).toBe(line.at);
    expect(instantOf(line, "due")).toBe(line.until);
    expect([whenOf(line, { when: "made" }), whenOf({ until: null }, { when: "made" }), whenOf(line, { when: "due" })]).toEqual(["ended", "since", "due"]);
    expect([words("until", false), words("from", false)]).toEqual([["ends", ""], ["begins", ""]]);
    expect([words("due", true), words("due", false)]).toEqual([["was due", " ago"], ["due", ""]]);
  });
});
