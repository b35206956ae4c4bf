import { describe, expect, it } from "vitest";

import { bands, bandsIn, depths } from "./bands";

const arrows = [{ from: "shop", to: "app" }, { from: "app", to: "db" }, { from: "report", to: "db" }, { from: "ring-a", to: "ring-b" }, { from: "ring-b", to: "ring-a" }];
const ids = ["db", "shop", "app", "report", "ring-a", "ring-b"];

describe("a map in bands", () => {
  it("what nothing needs stands at the top, and circles have a place", () => {
    expect(Object.fromEntries(depths(ids, arrows))).toEqual({ shop: 0, report: 0, app: 1, db: 1, "ring-a": 0, "ring-b": 1 });
  });
  it("rows are as wide as there is room, in the order given", () => {
    const laid = bands(ids, arrows, { width: 100, height: 20, gap: 10, head: 30, room: 210 });
    expect(laid.bands.map((band) => [band.depth, band.count])).toEqual([[0, 3], [1, 3]]);
    expect(laid.places.get("shop")).toEqual({ x: 0, y: 30 });
    expect(laid.places.get("report")).toEqual({ x: 110, y: 30 });
    expect(laid.places.get("ring-a")).toEqual({ x: 0, y: 60 });
    expect(laid.width).toBe(210);
  });
  it("what fails stands above all", () => {
    const laid = bands(ids, arrows, { width: 100, height: 20, gap: 10, head: 30, room: 500 }, new Set(["db"]));
    expect(laid.bands.map((band) => [band.depth, band.count])).toEqual([[-1, 1], [0, 3], [1, 2]]);
    expect(laid.places.get("db")).toEqual({ x: 0, y: 30 });
  });
  it("is drawn smaller only where it does not fit", () => {
    const tile = { width: 100, height: 20, gap: 10, head: 30 };
    expect(bandsIn(ids, arrows, tile, { width: 400, height: 400 }, new Set(), [0.8]).zoom).toBe(1);
    expect(bandsIn(ids, arrows, tile, { width: 100, height: 50 }, new Set(), [0.9, 0.8]).zoom).toBe(0.8);
  });
  it("nothing at all has no size to speak of", () => {
    expect(bands([], [], { width: 100, height: 20, gap: 10, head: 30, room: 500 }).bands).toEqual([]);
  });
});
