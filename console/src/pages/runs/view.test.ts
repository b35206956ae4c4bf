import { describe, expect, it } from "vitest";

import type { RunDetail, Step, Waits } from "../../data/types";
import { barOf, endingOf, lengthOf, progress, startedBy, stateOf, untilText, waitText } from "./view";

const now = Date.parse("2026-11-20T10:01:00Z");
const step = (fields: Partial<Step>): Step => ({
  id: "run-1/probe", run: "run-1", namespace: "default", node: "probe", address: "probe", uses: "http.request", state: "running", started_at: "2026-11-20T10:00:30Z", ...fields,
});
const run = (fields: Partial<RunDetail>): RunDetail => ({
  id: "run-1", namespace: "default", workflow: "probe-it", version: "0", state: "running", created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z",
  started_at: "2026-11-20T10:00:00Z", ...fields,
});

describe("how a run ended", () => {
  it("is the failed step, its error and what it says", () => {
    const failed = step({ state: "failed", error_code: "http.status", reason: "http.status: 503", attempt: 3 });
    const ending = endingOf(run({ state: "failed", failed_at: "probe", reason: "http.status: 503", steps: [step({ address: "first", state: "succeeded" }), failed] }));
    expect(ending).toEqual({ sentence: "Step probe failed.", pairs: [["Step", "probe"], ["Error", "http.status"], ["Says", "503"], ["Attempts", "3"]] });
  });
  it("says nothing of a run that went well or is under way", () => {
    expect(endingOf(run({ state: "succeeded" }))).toBeNull();
    expect(endingOf(run({ state: "running" }))).toBeNull();
  });
  it("does not claim to know what is unknown", () => {
    expect(endingOf(run({ state: "failed", steps: [step({ state: "unknown" })] }))?.sentence).toMatch(/may or may not have acted/);
  });
  it("gives the reason of who cancelled it, and says what was undone", () => {
    expect(endingOf(run({ state: "cancelled", reason: "wrong host" }))).toEqual({ sentence: "It was cancelled.", pairs: [["Reason", "wrong host"]] });
    expect(endingOf(run({ state: "rolled_back", steps: [step({ state: "failed" })] }))?.sentence).toBe("What its own steps did was undone. Step probe failed.");
    const other = run({ state: "rolled_back", reason: "step probe failed: 503; 1 step undone; what run-2 did is not", failed_at: "probe", steps: [step({ state: "failed", reason: "503" })] });
    expect(endingOf(other)?.pairs).toContainEqual(["Reason", "step probe failed: 503; 1 step undone; what run-2 did is not"]);
    expect(endingOf(run({ state: "rollback_failed" }))).toBeNull();
  });
});

describe("a run's state", () => {
  const wait = (code: string, fields: Partial<Waits> = {}): Waits => ({ step: "probe", what: "it waits", code, ...fields });
  it("says what it waits for, if nothing is at work", () => {
    expect(stateOf(run({}), [wait("approval")])).toEqual({ mark: "waiting", words: "Waiting for approval" });
    expect(stateOf(run({}), [wait("approval"), wait("action")])).toEqual({ mark: "running", words: "Running" });
    expect(stateOf(run({}), [wait("approval"), wait("time")]).words).toBe("Waiting");
    expect(["event", "time", "run", "retry", "worker"].map((code) => stateOf(run({}), [wait(code), wait(code)]).words)).toEqual([
      "Waiting for an event", "Waiting for a time", "Waiting for another run", "Waiting for the next try", "Waiting for a worker",
    ]);
    expect(stateOf(run({}), []).words).toBe("Running");
    expect(stateOf(run({}), undefined).words).toBe("Running");
    expect(stateOf(run({ state: "paused" }), [wait("approval")]).words).toBe("Paused");
    expect(stateOf(run({ wants: "cancel" }), [wait("event")])).toEqual({ mark: "running", words: "Stopping" });
  });
  it.each([
    ["the event", wait("event", { types: ["a.b", "c.d"], resource: "erp-1" }), "a.b or c.d about erp-1"],
    ["an event about anything", wait("event", { types: ["a.b"] }), "a.b"],
    ["when the time comes", wait("time", { until: "2026-11-20T10:09:00Z" }), "goes on in 8 m"],
    ["when it is tried again", wait("retry", { until: "2026-11-20T10:02:00Z" }), "tried again in 1 m"],
    ["who has it and says nothing", wait("silent", { what: "http.request is being done, attempt 1 (begun): w1 has it, and has said nothing for 2 min" }), "w1 has it, and has said nothing for 2 min"],
    ["why nobody takes it", wait("worker", { what: "http.request waits for a worker, attempt 1: no worker that is connected has site=west" }), "no worker that is connected has site=west"],
    ["the run", wait("run", { run: "run-2" }), "run-2"],
  ])("names %s", (_, one, said) => {
    expect(waitText([one], now)).toBe(said);
    expect(waitText([one, one, one], now)).toBe(`${said}, and 2 more`);
  });
});

describe("the time that a run may take", () => {
  const deadline_at = "2026-11-20T11:00:00Z";
  it.each([
    ["runs out while it goes on", run({ deadline_at }), "ends at the latest in 59 m"],
    ["stands still while it is paused, however long", run({ state: "paused", deadline_at, paused_at: "2026-11-20T10:00:20Z" }), "its time stands still, with 59 m left"],
    ["is not counted while it is undone", run({ state: "rolling_back", deadline_at }), null],
    ["is not there before it begins", run({ state: "queued" }), null],
  ])("%s", (_, one, said) => {
    expect(untilText(one, now)).toBe(said);
  });
});

describe("a run's figures", () => {
  it("place each step in the run's time", () => {
    expect(barOf(step({}), run({}), now)).toEqual({ left: 0.5, width: 0.5 });
    expect(barOf(step({ started_at: null }), run({}), now)).toBeNull();
  });
  it("count steps, without those that hold others", () => {
    const steps = [step({ uses: "parallel" }), step({ state: "succeeded" }), step({ state: "approved" }), step({ state: "skipped" }), step({ state: "waiting" })];
    expect(progress(run({ steps }))).toBe("2 done, 1 under way, 1 skipped");
    expect(progress(run({}))).toBe("no step has begun");
  });
  it("count the time it waited for its turn while it does", () => {
    expect(lengthOf(run({ started_at: null }), now)).toBe(60_000);
    expect(lengthOf(run({ ended_at: "2026-11-20T10:00:10Z" }), now)).toBe(10_000);
  });
  it("say what started it", () => {
    expect(startedBy(run({ trigger: { kind: "policy", policy: "default/cpu" } }))).toBe("policy default/cpu");
    expect(startedBy(run({ trigger: { kind: "manual", actor: "user:basis-1" } }))).toBe("user:basis-1");
    expect(startedBy(run({ trigger: { kind: "event", trigger: "resized" } }))).toBe("trigger resized");
    expect(startedBy(run({ trigger: { kind: "schedule", trigger: "nightly" } }))).toBe("schedule nightly");
    expect(startedBy(run({ trigger: { kind: "request", request: "REQ-7", actor: "user:shop-1" } }))).toBe("user:shop-1");
  });
});
