import { describe, expect, it } from "vitest";

import type { MapNode, Place } from "../../data/types";
import { concerns, dotOf, mapSaid } from "./view";

const place = { id: "resource:db-1", kind: "Resource", namespace: "default", name: "db-1", aliases: ["db-1.example.com"], type: "database", criticality: null, owner: null, severity: "clear", alerts_firing: 0 } as Place;

describe("a map in words", () => {
  it("says how much of it is folded, and what is left out", () => {
    const nodes = [{ place }] as MapNode[];
    expect(mapSaid({ total: 2041, nodes, not_shown: 12, fold: "whole", edges_not_shown: 0, elsewhere: 3 })).toBe("2,041 places, drawn as 1; 12 are not shown; 3 alerts about what is not on the map");
    expect(mapSaid({ total: 1, nodes, not_shown: 0, fold: "none", edges_not_shown: 0, elsewhere: 0 })).toBe("1 place");
  });
  it("what stands for others says for how many, and how many of them fail", () => {
    expect(dotOf({ place, folded: 5, failing: 2, opens: false }).note).toBe("5 places in it, 2 fail");
    expect(dotOf({ place, folded: 0, failing: 0, opens: false }).note).toBeUndefined();
  });
});

describe("maintenance of a place", () => {
  it("a window concerns what its matchers name, by any of its names", () => {
    expect(concerns([{ name: "resource", value: "db-.*", is_regex: true }], place)).toBe(true);
    expect(concerns([{ name: "resource", value: "db-1.example.com" }], place)).toBe(true);
    expect(concerns([{ name: "resource", value: "db-2" }], place)).toBe(false);
    expect(concerns([{ name: "resource", value: "db-1", is_equal: false }], place)).toBe(false);
  });
  it("nothing is claimed of what names no resource, or something else besides", () => {
    expect(concerns([{ name: "severity", value: "minor" }], place)).toBe(false);
    expect(concerns([{ name: "resource", value: "db-1" }, { name: "service", value: "shop" }], place)).toBe(false);
    expect(concerns([{ name: "resource", value: "(?i:db)(", is_regex: true }], place)).toBe(false);
  });
});
