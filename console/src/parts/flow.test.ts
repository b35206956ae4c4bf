import { describe, expect, it } from "vitest";

import { asks, flowOf, found } from "./flow";

const STEPS = [
  { id: "look", uses: "http.request", if: "inputs.deep", rollback: { uses: "http.request" } },
  { id: "both", parallel: [{ id: "left", uses: "a.b" }, { id: "right", steps: [{ id: "inner", wait: { for: "5m" } }] }] },
  { id: "which", switch: [{ when: "inputs.n > 1", steps: [{ id: "many", emit: { type: "org.example.many" } }] }, { steps: [{ id: "one", set: { a: 1, b: 2 } }] }] },
  { id: "safe", try: [{ id: "risky", run: { workflow: "other" } }], catch: [{ id: "tell", uses: "notify.send" }], finally: [{ id: "done", approvals: [{ by: ["team:basis"] }] }] },
  { id: "each", for_each: { items: "inputs.hosts" }, steps: [{ id: "check", wait: { event: { types: ["a.b"] } } }] },
];

describe("an approval in stages", () => {
  it("names who is asked first, and how many stages follow", () => {
    const stages = [{ by: ["team:basis", "user:basis-1"] }, { by: ["user:aud-1"] }, { by: ["user:aud-2"] }];
    expect(flowOf([{ id: "ask", approvals: stages }])[0]?.about).toBe("approval by team basis, basis-1, then 2 more stages");
  });
});

describe("a workflow's steps as they are drawn", () => {
  const flow = flowOf(STEPS);
  it("lie in each other as they are written", () => {
    expect(flow.map((step) => [step.id, step.form, step.lanes.map((lane) => [lane.label, lane.steps.map((inner) => inner.id)])])).toEqual([
      ["look", "uses", []],
      ["both", "parallel", [["", ["left"]], ["", ["right"]]]],
      ["which", "switch", [["inputs.n > 1", ["many"]], ["otherwise", ["one"]]]],
      ["safe", "try", [["try", ["risky"]], ["catch", ["tell"]], ["finally", ["done"]]]],
      ["each", "for_each", [["", ["check"]]]],
    ]);
  });
  it("say what they are", () => {
    const about = (id: string): string | undefined => found(flow, id)?.about;
    expect(["look", "inner", "many", "one", "risky", "done", "each", "check"].map(about)).toEqual([
      "http.request", "wait 5m", "event org.example.many", "set a, b", "run other", "approval by team basis", "for each of inputs.hosts", "wait for a.b",
    ]);
    expect(found(flow, "look")).toMatchObject({ condition: "inputs.deep", undone: true });
    expect(found(flow, "nowhere")).toBeNull();
  });
  it("know whether people are asked anywhere within", () => {
    expect(flow.map(asks)).toEqual([false, false, false, true, false]);
  });
  it("stand what is half written", () => {
    expect(flowOf(undefined)).toEqual([]);
    expect(flowOf([null, { id: "x", parallel: "soon" }, "text"]).map((step) => [step.id, step.form])).toEqual([["step 1", "none"], ["x", "parallel"], ["step 3", "none"]]);
  });
});
