import { describe, expect, it } from "vitest";

import type { Approval, Request } from "../../data/types";
import { agreeing, howOften, inputsText, saidBy, standOf, titled, underWay } from "./view";

const NOW = Date.parse("2026-11-20T10:01:00Z");
const request = (fields: Partial<Request>): Request => ({
  id: "REQ-1", namespace: "default", workflow: "extend", version: "v", title: "Extend a volume", requester: "user:basis-1", inputs: { host: "web-1" }, reason: null, state: "pending", said: null,
  may: [], approval: null, run: null, created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z", ended_at: null, position: "", outcome: null, ...fields,
});
const outcome = (state: "running" | "succeeded" | "failed", reason: string | null = null): Request["outcome"] => ({ id: "run-1", state, reason, outputs: {}, waits: [], ended_at: state === "running" ? null : "2026-11-20T10:05:00Z" });
const APPROVAL = {
  id: "APR-1", state: "pending", at: 0, decisions: [{ by: "user:basis-2", stage: "operate", decision: "approve", at: "" }],
  stages: [{ stage: "operate", by: ["team:basis", "user:basis-3"], quorum: 2, expires_s: 60, on_expiry: "fail" }],
} as unknown as Approval;

describe("an offer in words", () => {
  it("says who must agree, one stage after the other", () => {
    expect(agreeing([{ by: ["team:basis"] }, { by: ["user:basis-2", "user:basis-3"], quorum: 2 }])).toBe("team basis, then 2 of basis-2, basis-3");
    expect(agreeing([])).toBe("");
  });
  it("says how often", () => {
    expect(howOften({ count: 3, within: "1d" })).toBe("3 times within 1d");
    expect(howOften({ count: 1, within: "1h" })).toBe("once within 1h");
    expect(howOften(null)).toBe("");
  });
});

describe("where a request stands", () => {
  it("is what people say before it runs", () => {
    expect(standOf(request({}), NOW, APPROVAL)).toEqual({ mark: "waiting", words: "Waiting for approval", detail: "team basis, basis-3, 1 of 2 agreed" });
    expect(standOf(request({ state: "rejected", said: "user:basis-2: Not tonight: later" }), NOW)).toMatchObject({ words: "Rejected", detail: "by basis-2: Not tonight: later" });
    expect(standOf(request({ state: "expired" }), NOW)).toMatchObject({ words: "Expired" });
    expect(standOf(request({ state: "failed", said: "self_service.changed: extend is not what it was" }), NOW)).toMatchObject({ words: "Could not start" });
  });
  it("is what its run says from then on", () => {
    expect(standOf(request({ state: "started" }), NOW)).toMatchObject({ words: "Starts" });
    expect(standOf(request({ state: "started", outcome: outcome("running") }), NOW)).toMatchObject({ mark: "running", words: "Running" });
    const running = outcome("running");
    const waiting = running && { ...running, waits: [{ step: "ask", code: "approval", asks: ["team:basis"] }] };
    expect(standOf(request({ state: "started", outcome: waiting }), NOW)).toEqual({ mark: "waiting", words: "Waiting for approval", detail: "team basis" });
    expect(standOf(request({ state: "started", outcome: waiting }), NOW, null, [{ step: "act", code: "action" }]).words).toBe("Running");
    expect(standOf(request({ state: "started", outcome: outcome("failed", "look: it broke") }), NOW)).toMatchObject({ words: "Failed", detail: "look: it broke" });
  });
  it("counts those that are not over", () => {
    const over = [request({ state: "rejected" }), request({ state: "started", outcome: outcome("succeeded") })];
    expect(underWay([...over, request({}), request({ state: "started", outcome: outcome("running") }), request({ state: "started" })])).toBe(3);
  });
});

describe("what was given", () => {
  it("reads in a line, and by the titles of the form", () => {
    const inputs = { host: "web-1", hosts: ["a", "b"], force: false, more: { a: 1 } };
    expect(inputsText(inputs)).toBe('host web-1, hosts a, b, force no, more {"a":1}');
    expect(titled(inputs, { properties: { host: { title: "Which host" } } }).slice(0, 2)).toEqual([["Which host", "web-1"], ["Hosts", "a, b"]]);
  });
  it("keeps what somebody said that names nobody", () => {
    expect(saidBy("it was late")).toBe("it was late");
    expect(saidBy(null)).toBe("");
  });
});
