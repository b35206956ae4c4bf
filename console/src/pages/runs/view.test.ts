import { describe, expect, it } from "vitest";

import type { Run, Step } from "../../data/types";
import { barOf, progress, startedBy, whyNot } from "./view";

const now = Date.parse("2026-11-20T10:01:00Z");
const step = (fields: Partial<Step>): Step => ({
  address: "probe", uses: "http.request", state: "running", reason: null, attempt: 1, inputs: null, result: null, outputs: {}, error_code: null,
  started_at: "2026-11-20T10:00:30Z", ended_at: null, next_try_at: null, effect: null, ...fields,
});
const run = (fields: Partial<Run>): Run => ({ state: "running", reason: null, steps: [], trigger: {}, started_at: "2026-11-20T10:00:00Z", ...fields }) as Run;

describe("why a run is not moving", () => {
  it("names the step at work and since when", () => {
    const why = whyNot(run({ steps: [step({})] }), now);
    expect(why?.sentence).toBe("Step probe is at work.");
    expect(why?.pairs).toContainEqual(["Since", "30 s"]);
  });
  it("says when the next try is", () => {
    const why = whyNot(run({ steps: [step({ state: "waiting", error_code: "timeout", next_try_at: "2026-11-20T10:01:20Z" })] }), now);
    expect(why?.sentence).toBe("Step probe failed and waits for its next try.");
    expect(why?.pairs).toContainEqual(["Next try", "in 20 s"]);
    expect(why?.pairs).toContainEqual(["Last error", "timeout"]);
  });
  it("says when no worker has taken a step", () => {
    expect(whyNot(run({ steps: [step({ state: "pending", started_at: null, attempt: 0 })] }), now)?.sentence).toBe("Step probe waits for a worker to take it.");
  });
  it("gives the error of a failed run and nothing for one that ended well", () => {
    expect(whyNot(run({ state: "failed", steps: [step({ state: "failed", error_code: "http.status" })] }), now)).toMatchObject({ sentence: "Step probe failed." });
    expect(whyNot(run({ state: "succeeded" }), now)).toBeNull();
  });
  it("does not claim to know what is unknown", () => {
    expect(whyNot(run({ state: "failed", steps: [step({ state: "unknown" })] }), now)?.sentence).toMatch(/not known/);
  });
});

describe("a run's figures", () => {
  it("place each step in the run's time", () => {
    expect(barOf(step({}), run({}), now)).toEqual({ left: 0.5, width: 0.5 });
    expect(barOf(step({ started_at: null }), run({}), now)).toBeNull();
  });
  it("count steps", () => {
    expect(progress(run({ steps: [step({ state: "succeeded" }), step({ state: "skipped" })] }))).toBe("1 of 2 steps done, 1 skipped");
  });
  it("say what started it", () => {
    expect(startedBy(run({ trigger: { kind: "policy", policy: "default/cpu" } }))).toBe("policy default/cpu");
    expect(startedBy(run({ trigger: { kind: "manual", actor: "user:basis-1" } }))).toBe("user:basis-1");
  });
});
