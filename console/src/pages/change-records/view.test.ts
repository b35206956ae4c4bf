import { describe, expect, test } from "vitest";

import type { WindowView } from "../../data/types";
import { comingWithin, lengthText, namesIn, pieces, whereText } from "./view";

describe("a change in words", () => {
  const now = Date.parse("2026-05-01T12:00:00Z");
  test("says where, and how many places more there are", () => {
    expect(whereText({ services: ["shop"], resources: ["db-1"] })).toBe("shop, db-1");
    expect(whereText({ services: [], resources: ["a", "b", "c", "d", "e"] })).toBe("a, b, c and 2 more");
  });
  test("says how long it runs, or ran", () => {
    const began = { started_at: "2026-05-01T11:50:00Z", until: "2026-05-01T12:50:00Z" };
    expect(lengthText({ ...began, ended_at: null }, now)).toMatch(/^for 10 m, until .* at the latest$/);
    expect(lengthText({ ...began, ended_at: "2026-05-01T11:55:00Z" }, now)).toBe("took 5 m");
    expect(lengthText({ ...began, ended_at: began.started_at }, now)).toBe("at once");
  });
  test("names are taken however they are written, each once", () => {
    expect(namesIn(" db-1, db-2\napp-1;db-1 ")).toEqual(["db-1", "db-2", "app-1"]);
    expect(namesIn("  ")).toEqual([]);
  });
  test("ids of changes in a sentence are found", () => {
    expect(pieces("CR-12 was made there: New disks.")).toEqual([{ text: "CR-12", id: "CR-12" }, { text: " was made there: New disks.", id: null }]);
    expect(pieces("Nothing was")).toEqual([{ text: "Nothing was", id: null }]);
    expect(pieces("INCR-12 and CR-x")).toEqual([{ text: "INCR-12 and CR-x", id: null }]);
  });
  test("windows that open soon come in their order, each once", () => {
    const window = (name: string, ...starts: string[]) => ({ name, next: starts.map((at) => ({ starts_at: at, ends_at: at })) }) as unknown as WindowView;
    const found = comingWithin([window("late", "2026-05-03T00:00:00Z", "2026-05-04T00:00:00Z", "2026-05-20T00:00:00Z"), window("soon", "2026-04-30T00:00:00Z", "2026-05-02T00:00:00Z"), window("later", "2026-06-01T00:00:00Z")], 7, now);
    expect(found.map((one) => [one.window.name, one.starts_at.slice(0, 10), one.again])).toEqual([["soon", "2026-05-02", 0], ["late", "2026-05-03", 1]]);
  });
});
