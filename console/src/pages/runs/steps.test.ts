import { describe, expect, it } from "vitest";

import type { Awaited, RunDetail, Step } from "../../data/types";
import { flowOf } from "../../parts/flow";
import { above, actsOf, depthOf, itemsOf, legendOf, linesOf, nameIn, rowsOf, standings } from "./steps";
import { stepStand } from "./view";

const step = (address: string, fields: Partial<Step> = {}): Step => ({
  id: `run-1/${address}`, run: "run-1", namespace: "default", address, node: address.replace(/^.*\//, "").replace(/[[~].*$/, ""), uses: "http.request", state: "succeeded", ...fields,
});
const run = (fields: Partial<RunDetail> = {}): RunDetail =>
  ({ id: "run-1", namespace: "default", workflow: "grow", version: "0", state: "running", created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z", ...fields });
const others = step("others", { uses: "for_each", total: 2, at: 2 });
const items = [others, step("others[a]", { uses: "item" }), step("others[a]/check"), step("others[b]", { uses: "item", state: "failed" }), step("others[b]/check", { state: "failed", error_code: "http.status" })];

describe("addresses", () => {
  it("say what a step lies in, whatever an item is called", () => {
    expect(above("others")).toBeNull();
    expect(above("others[b]/check")).toBe("others[b]");
    expect(above("others[b]")).toBe("others");
    expect(above("clean~validate")).toBe("clean");
    expect(nameIn("others[b]")).toBe("b");
    expect(nameIn("both/left")).toBe("left");
    expect(depthOf("others[b]/check")).toBe(2);
  });
});

describe("the tree", () => {
  it("opens what failed, and keeps what went well closed", () => {
    const shown = rowsOf([others, step("others[a]", { uses: "item" }), step("others[a]/check"), ...items.slice(3)], new Set()).map((row) => row.step.address);
    expect(shown).toEqual(["others", "others[a]", "others[b]", "others[b]/check"]);
  });
  it("folds thousands of items to counts until they are asked for", () => {
    const many = step("others", { uses: "for_each", state: "running", total: 4000, at: 7, under_way: 2, failures: 1 });
    const all = [many, step("others[a]", { uses: "item" }), step("others[a]/check"), step("after")];
    expect(rowsOf(all, new Set()).map((row) => row.step.address)).toEqual(["others", "after"]);
    expect(rowsOf(all, new Set(["others"])).map((row) => row.step.address)).toEqual(["others", "others[a]", "after"]);
    expect(itemsOf(many)).toBe("7 of 4,000 begun, 2 under way, 1 failed");
  });
});

describe("the steps to come", () => {
  const flow = flowOf([
    { id: "look", uses: "a" }, { id: "guard", try: [{ id: "ask", approvals: [{ by: ["user:a"] }] }, { id: "close", uses: "a" }], catch: [{ id: "mend", uses: "a" }] },
    { id: "each", for_each: { items: "x" }, steps: [{ id: "check", uses: "a" }] }, { id: "last", uses: "a", rollback: { uses: "a" } },
  ]);
  const shown = (steps: Step[]): string[] => linesOf(rowsOf(steps, new Set()), flow).map((line) => ("coming" in line ? `${line.address} to come` : line.row.step.address));
  it("stand among the others in the workflow's order", () => {
    const under = [step("look"), step("guard", { uses: "try", state: "running" }), step("guard/ask", { uses: "approval", state: "waiting" })];
    expect(shown(under)).toEqual(["look", "guard", "guard/ask", "guard/close to come", "each to come", "last to come"]);
    expect(shown([])).toEqual(["look to come", "guard to come", "each to come", "last to come"]);
  });
  it("have what is looked at before them below", () => {
    expect(shown([step("look~before", { state: "validating" })])).toEqual(["look to come", "look~before", "guard to come", "each to come", "last to come"]);
    expect(nameIn("look~before")).toBe("before");
  });
  it("lose nothing that has begun", () => {
    const under = [step("look", { undone: true }), step("look~rollback"), step("guard", { uses: "try" }), step("guard/ask"), step("each", { uses: "for_each", state: "running", total: 2, at: 1 }), step("each[a]", { uses: "item", state: "running" }), step("each[a]/check", { state: "running" })];
    expect(shown(under)).toEqual(["look", "look~rollback", "guard", "guard/ask", "each", "each[a]", "each[a]/check", "last to come"]);
  });
  it("are in the legend with what else is on the graph", () => {
    expect(legendOf(flow, standings([step("look"), step("guard/ask", { state: "waiting" })], run()), false).map((one) => one.words)).toEqual(["Done", "Waiting", "To come", "Rollback"]);
    expect(legendOf(flow.slice(0, 1), standings([step("look", { state: "skipped" })], run()), true).map((one) => one.words)).toEqual(["Skipped"]);
    expect(legendOf(flow.slice(0, 1), standings([step("look", { state: "cancelled" })], run()), true).map((one) => one.words)).toEqual(["Cancelled"]);
  });
});

describe("the graph", () => {
  it("has a step of many items as the worst of them", () => {
    expect(standings(items, run()).get("check")).toMatchObject({ state: "failed", note: "1 of 2 failed", tone: "critical" });
    expect(standings(items, run()).get("others")?.note).toBe("2 of 2 begun");
    expect(standings(items, run()).has("later")).toBe(false);
  });
  it("says of a step that nobody has in hand what it waits for, as the list of runs does", () => {
    const waits: Awaited[] = [{ step: "look", code: "worker" }, { step: "guard/rest", code: "run" }];
    const [look, guard, busy] = [step("look", { state: "running" }), step("guard", { uses: "try", state: "running" }), step("busy", { state: "running" })];
    const found = standings([look, guard, busy], run(), waits);
    expect(found.get("look")).toMatchObject({ state: "waiting", note: "waiting for a worker", icon: "waiting" });
    expect(found.get("guard")).toMatchObject({ state: "waiting", note: "waiting for another run" });
    expect(found.get("busy")).toMatchObject({ state: "running" });
    expect(stepStand(look, waits)).toEqual({ mark: "waiting", words: "Waiting for a worker" });
    expect(stepStand(guard, [...waits, { step: "guard/act", code: "action" }]).words).toBe("Running");
    expect(stepStand(step("look", { state: "succeeded" }), waits).words).toBe("Succeeded");
  });
  it("marks what was undone", () => {
    const stuck = standings([step("extend"), step("look")], run({ state: "rollback_failed", undoing: "extend" }));
    expect(stuck.get("extend")).toMatchObject({ state: "rollback_failed", note: "not undone", tone: "critical" });
    expect(stuck.get("look")?.state).toBe("succeeded");
    expect(standings([step("extend")], run({ state: "rolling_back", undoing: "extend" })).get("extend")?.note).toBe("is being undone");
    expect(standings([step("extend", { undone: true })], run()).get("extend")).toMatchObject({ icon: "undo", note: "undone" });
  });
});

describe("what can be done about a step", () => {
  const flow = flowOf([{ id: "extend", uses: "http.request" }, { id: "ask", approvals: [{ by: ["team:basis"] }] }, { id: "both", parallel: [{ id: "ask_too", approvals: [{ by: ["user:a"] }] }] }]);
  it("is another try where it failed and the run waits for a person", () => {
    const failed = step("extend", { state: "failed" });
    expect(actsOf(failed, run({ state: "paused" }), flow).retry).toMatch(/done again/);
    expect(actsOf(failed, run({ state: "paused", paused_at: "2026-11-20T10:01:00Z", deadline_at: "2026-11-20T11:00:00Z" }), flow).retry).toMatch(/goes on from there, with 59 m left\.$/);
    expect(actsOf(failed, run({ state: "running" }), flow).retry).toBeNull();
    expect(actsOf(failed, run({ state: "failed" }), flow)).toMatchObject({ retry: null, skip: null });
  });
  it("is never to pass over what asks people", () => {
    expect(actsOf(step("extend", { state: "waiting" }), run({}), flow).skip).toMatch(/dropped/);
    expect(actsOf(step("ask", { state: "waiting", uses: "approval" }), run({}), flow).skip).toBeNull();
    expect(actsOf(step("both", { state: "running", uses: "parallel" }), run({}), flow).skip).toBeNull();
  });
  it("is only about the step at which a rollback stopped", () => {
    const stopped = run({ state: "rollback_failed", undoing: "extend" });
    expect(actsOf(step("extend"), stopped, flow)).toMatchObject({ skipWord: "Settled by hand" });
    expect(actsOf(step("ask"), stopped, flow)).toMatchObject({ retry: null, skip: null });
  });
  it("is to begin anew from an outermost step", () => {
    expect(actsOf(step("extend"), run({ state: "failed" }), flow).fork).toMatch(/This run stays as it is/);
    expect(actsOf(step("both/ask_too"), run({}), flow).fork).toBeNull();
  });
});
