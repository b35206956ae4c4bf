import { describe, expect, it } from "vitest";

import type { Task } from "../../data/types";
import { duration } from "../../parts/format";
import { firstOf, inOrder, nextUpdate, overdue, progress, reviewDue } from "./work";

const NOW = new Date("2026-03-01T03:00:00Z").getTime();
const task = (id: string, more: Partial<Task> = {}): Task => ({ id, state: "open", due_at: null, created_at: "2026-03-01T00:00:00Z", ended_at: null, ...more }) as Task;

describe("work on an incident", () => {
  it("puts what is due first, and what has ended last, the newest of it first", () => {
    const tasks = [
      task("a", { state: "done", ended_at: "2026-03-01T01:00:00Z" }), task("b", { state: "done", ended_at: "2026-03-01T02:00:00Z" }),
      task("c"), task("d", { due_at: "2026-03-01T04:00:00Z" }),
    ];
    expect(inOrder(tasks).map((one) => one.id)).toEqual(["d", "c", "b", "a"]);
  });

  it("knows what is overdue", () => {
    expect(overdue(task("a", { due_at: "2026-03-01T02:59:00Z" }), NOW)).toBe(true);
    expect(overdue(task("a", { due_at: "2026-03-01T02:59:00Z", state: "done" }), NOW)).toBe(false);
    expect(overdue(task("a"), NOW)).toBe(false);
  });

  it("counts the open steps", () => {
    const item = { title: "t", text: "", link: null, workflow: null, by: null, at: null, reason: "" };
    expect(progress({ items: [{ ...item, state: "open" }, { ...item, state: "skipped" }] })).toBe("1 of 2 open");
    expect(progress({ items: [{ ...item, state: "done" }] })).toBe("all done");
  });

  it("says when the next update is due, and that one is missing", () => {
    const plan = { every_s: 1800, due_at: "2026-03-01T03:20:00Z", by: "user:basis-1", missed: 0 };
    expect(nextUpdate({ updates: null }, NOW)).toBeNull();
    expect(nextUpdate({ updates: plan }, NOW)).toEqual({ text: `the next in ${duration(1_200_000)}`, late: false });
    expect(nextUpdate({ updates: { ...plan, missed: 2 } }, NOW)?.late).toBe(true);
  });

  it("makes others part of the one that was taken on, else of the oldest", () => {
    const one = (id: string, state: "open" | "acknowledged", opened_at: string) => ({ id, state, opened_at });
    const [a, b, c] = [one("a", "open", "2026-03-01T01:00:00Z"), one("b", "open", "2026-03-01T00:00:00Z"), one("c", "acknowledged", "2026-03-01T02:00:00Z")];
    expect(firstOf([a, b])?.id).toBe("b");
    expect(firstOf([a, b, c])?.id).toBe("c");
    expect(firstOf([])).toBeUndefined();
  });

  it("asks for a review of what was P1 or P2 and is over", () => {
    expect(reviewDue({ state: "closed", priority: "P2", merged_into: null })).toBe(true);
    expect(reviewDue({ state: "open", priority: "P1", merged_into: null })).toBe(false);
    expect(reviewDue({ state: "closed", priority: "P3", merged_into: null })).toBe(false);
    expect(reviewDue({ state: "closed", priority: "P1", merged_into: "INC-1" })).toBe(false);
  });
});
