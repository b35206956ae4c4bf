import { describe as group, expect, it } from "vitest";

import type { Run } from "../../data/types";
import { bounds, describe, lastRuns, stepNotes, stepTakes, stepsOf, takes } from "./view";

const spec = {
  description: "Looks at a host",
  inputs: { required: ["host"], properties: { host: { type: "string" }, depth: { type: "integer" } } },
  steps: [
    { id: "look", uses: "http.request", retry: { attempts: 3 }, timeout: "10s", on_failure: "continue" },
    { id: "both", parallel: [{ id: "tell", uses: "incident.comment", if: "steps.look.state == 'failed'" }, { id: "grow", uses: "a.b", rollback: { uses: "a.c" }, validate: { that: "result.ok" } }] },
    { id: "which", switch: [{ when: "true", steps: [{ id: "each", for_each: { items: "inputs.l", max_parallel: 5, max_failures: "10%" }, steps: [{ id: "x", wait: { for: "1m" } }] }] }] },
  ],
};

group("a workflow in words", () => {
  it("says what bounds a step, wherever it lies", () => {
    expect(stepNotes(spec.steps, "look")).toEqual(["up to 3 attempts", "at most 10s", "the run goes on if it fails"]);
    expect(stepNotes(spec.steps, "tell")).toEqual(["if steps.look.state == 'failed'"]);
    expect(stepNotes(spec.steps, "grow")).toEqual(["then result.ok must hold", "undone by a.c"]);
    expect(stepNotes(spec.steps, "each")).toEqual(["5 at a time", "up to 10% may fail"]);
    expect(stepNotes(spec.steps, "nowhere")).toEqual([]);
    expect(stepsOf({ spec })).toEqual(["look", "both", "which"]);
  });
  it("says what a step takes, and nothing where it takes nothing", () => {
    const steps = [{ id: "all", steps: [{ id: "put", uses: "http.request", with: { method: "PUT", expect: [200] } }] }];
    expect(stepTakes(steps, "put")).toBe("method: PUT\nexpect:\n  - 200\n");
    expect(stepTakes(steps, "all")).toBe("");
    expect(stepTakes(spec.steps, "look")).toBe("");
  });
  it("says what holds for every run", () => {
    expect(bounds({ spec })).toEqual([["A run takes", "at most 1h"], ["At the same time", ""], ["How often", ""], ["If it fails", "it ends"]]);
    const bounded = { timeout: "5m", concurrency: { by: ["inputs.host"], when_busy: "reject" }, rate: { count: 3, within: "1h" }, on_failure: { pause: true, rollback: "all" } };
    expect(bounds({ spec: bounded }).map(([, said]) => said)).toEqual(["at most 5m", "1 run for each inputs.host; further ones are refused", "3 within 1h", "it waits for a person, then what it did is undone"]);
  });
  it("says what it takes", () => {
    expect(takes({ spec })).toBe("takes host, depth (optional)");
    expect(takes({ spec: {} })).toBe("takes no inputs");
  });
  it("has the description of its metadata, or else of its spec", () => {
    expect(describe({ spec, description: null })).toBe("Looks at a host");
    expect(describe({ spec, description: "Mine" })).toBe("Mine");
  });
  it("has its last runs, the newest first", () => {
    const run = (id: string, workflow: string, day: number) => ({ id, workflow, namespace: "default", created_at: `2026-11-${String(day)}T10:00:00Z` }) as Run;
    const found = lastRuns([run("1", "a", 10), run("2", "b", 11), run("3", "a", 12), run("4", "a", 11)], 2);
    expect(found.get("default/a")?.map((one) => one.id)).toEqual(["3", "4"]);
    expect(found.get("default/b")?.map((one) => one.id)).toEqual(["2"]);
  });
});
