import { describe, expect, it } from "vitest";

import type { Run } from "../../data/types";
import { catchUpText, cronText, inZone, lastOf, offeredTo, scheduleText, startsOf, triggersOf, trouble } from "./triggers";

const spec = (given: object) => ({ zone: "UTC", catch_up: "latest" as const, catch_up_within: "24h", ...given });

describe("a schedule in words", () => {
  it("reads cron lines that people write", () => {
    const said = Object.fromEntries(["0 3 * * *", "30 4 * * MON-FRI", "0 8,20 * * 6,0", "*/15 * * * *", "5 * * * *", "0 */6 * * *", "0 1 1 * *", "0 1 L * *", "* * * * *"].map((line) => [line, cronText(line)]));
    expect(said).toEqual({
      "0 3 * * *": "every day at 03:00", "30 4 * * MON-FRI": "Mon to Fri at 04:30", "0 8,20 * * 6,0": "Sat, Sun at 08:00, 20:00", "*/15 * * * *": "every 15 minutes", "5 * * * *": "every hour at :05",
      "0 */6 * * *": "every 6 hours at :00", "0 1 1 * *": "on day 1 of the month at 01:00", "0 1 L * *": "on the last day of the month at 01:00", "* * * * *": "every minute",
    });
  });
  it("leaves a line as it is that says more", () => {
    for (const line of ["0 3 * 1 *", "0 3 1 * MON", "0 3 * * MON#1", "0-30 3 * * *", "0 1-5 * * *", "*/5 3 * * *"]) expect(scheduleText(spec({ cron: line }))).toBe(line);
    expect(scheduleText(spec({ rrule: "FREQ=WEEKLY;BYDAY=SA" }))).toBe("every week on Sat");
  });
  it("says what is done about what passed", () => {
    expect(catchUpText(spec({}))).toBe("the last that was missed starts, up to 24h late");
    expect(catchUpText(spec({ catch_up: "none" }))).toBe("what was missed stays missed");
    expect(catchUpText(spec({ catch_up: "all", catch_up_within: "2d" }))).toBe("each that was missed starts, up to 2d late");
  });
  it("shows an instant on the wall clock of its zone", () => {
    expect(inZone("2026-11-23T02:00:00Z", "Asia/Tokyo")).toMatch(/11:00$/);
    expect(inZone("2026-11-23T02:00:00Z", Intl.DateTimeFormat().resolvedOptions().timeZone)).toBeNull();
    expect(inZone("2026-11-23T02:00:00Z", "Nowhere/None")).toBeNull();
  });
  it("says that something was passed over, and why", () => {
    expect(trouble({ missed: 2, fault: "paused by user:basis-1: freeze" })).toBe("2 instants passed over: paused by user:basis-1: freeze");
    expect(trouble({ missed: 0, fault: null })).toBeNull();
  });
});

describe("what starts a workflow", () => {
  it("is each of its triggers", () => {
    const workflow = { spec: { triggers: [{ id: "full", event: { types: ["disk.full"], severities: ["major", "critical"], where: "event.data.size > 3" } }, { id: "nightly", schedule: { cron: "0 3 * * *" } }] } };
    expect(triggersOf(workflow)).toEqual([
      { id: "full", event: "disk.full, major or critical, event.data.size > 3", schedule: null },
      { id: "nightly", event: null, schedule: { cron: "0 3 * * *" } },
    ]);
    expect(triggersOf({ spec: {} })).toEqual([]);
  });
  it("has the newest run that it started", () => {
    const run = (id: string, trigger: string, day: number) => ({ id, created_at: `2026-11-${String(day)}T10:00:00Z`, trigger: { kind: "event", trigger } }) as unknown as Run;
    expect(lastOf([run("1", "full", 10), run("2", "full", 12), run("3", "nightly", 13)], "full")?.id).toBe("2");
    expect(lastOf([], "full")).toBeUndefined();
  });
  it("is whoever it is offered to, too", () => {
    expect(offeredTo({ spec: { self_service: { by: ["anyone", "team:shop", "user:shop-1"] } } })).toBe("everyone in the namespace, team shop, shop-1");
    expect(offeredTo({ spec: {} })).toBe("");
  });
});

describe("what starts a workflow", () => {
  const workflow = { namespace: "default", name: "grow", spec: { triggers: [{ id: "lost", event: { types: ["path.lost"] } }, { id: "nightly", schedule: { cron: "0 3 * * *" } }], self_service: { by: ["anyone"] } } };
  const policy = (name: string, namespace: string, run: string) => ({ name, namespace, spec: { respond: [{ ticket: {} }, { run: { workflow: run } }] } });
  it("is policies of its namespace that name it, its triggers, and who may ask", () => {
    const policies = [policy("latency", "default", "grow"), policy("elsewhere", "other", "grow"), policy("another", "default", "shrink")];
    const above = { namespace: "default", name: "nightly-round", spec: { steps: [{ id: "each", for_each: { items: "x" }, steps: [{ id: "call", run: { workflow: "grow" } }] }] } };
    expect(startsOf(workflow, policies, [above, { ...above, namespace: "other" }])).toEqual(["policy latency", `event ${triggersOf(workflow)[0]?.event ?? ""}`, "every day at 03:00", "self-service", "workflow nightly-round"]);
    expect(startsOf({ ...workflow, spec: {} }, [], [])).toEqual([]);
  });
});
