import { describe, expect, it } from "vitest";

import type { Approval, RunDetail, Step, Waits } from "../../data/types";
import { headline, ifItFails, limits, mayFail, nextTimer, undoable, waitingOn } from "./why";

const step = (address: string, fields: Partial<Step> = {}): Step => ({
  id: `run-1/${address}`, run: "run-1", namespace: "default", address, node: address.replace(/^.*\//, "").replace(/[[~].*$/, ""), uses: "http.request", state: "succeeded", ...fields,
});
const run = (steps: unknown[] = [], fields: Partial<RunDetail> = {}, more: Record<string, unknown> = {}): RunDetail => ({
  id: "run-1", namespace: "default", workflow: "grow", version: "0", state: "running", created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z",
  definition: { steps, ...more } as RunDetail["definition"], ...fields,
});
const approval = (fields: Partial<Approval> = {}): Approval => ({
  id: "APR-1", namespace: "default", run: "run-1", step: "ask", workflow: "grow", ask: "Grow it?", state: "pending",
  stages: [{ stage: "operate", by: ["team:basis"], quorum: 2, expires_s: 3600, on_expiry: "fail", same_people: false }, { stage: "own", by: ["user:basis-2"], quorum: 1, expires_s: 60, on_expiry: "reject", same_people: false }],
  created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z", expires_at: "2026-11-20T11:00:00Z", ...fields,
});
const asking: Waits = { step: "ask", what: "people must agree: approval APR-1", code: "approval", approval: "APR-1" };
const agreed = { by: "user:basis-1", stage: "operate", decision: "approve" as const, at: "2026-11-20T10:05:00Z" };

describe("why a run is not moving", () => {
  it("is the approvals that lack, and whether one's own counts", () => {
    expect(headline(asking, approval(), "counts")).toBe("It needs 2 approvals, and then another stage. Yours counts.");
    expect(headline(asking, approval({ decisions: [agreed] }), "none")).toBe("It needs one approval, and then another stage.");
    expect(headline(asking, approval({ at: 1 }), "barred")).toBe("It needs one approval. Yours does not count: you asked for this run.");
    expect(headline(asking, { ...approval({ at: 1 }), may_decide: [] }, "barred")).toBe("It needs one approval. Nobody who is asked may decide. Yours does not count: you asked for this run.");
    expect(waitingOn(asking, approval({ decisions: [agreed] }))).toBe("an approval, stage operate, 1 of 2");
  });
  it("is an event of these types about something", () => {
    const wait: Waits = { step: "settle", what: "it waits for event a", code: "event", types: ["a", "b"], resource: "erp-1" };
    expect(headline(wait, undefined, "none")).toBe("It waits for event a.");
    expect(waitingOn(wait, undefined)).toBe("a or b about erp-1");
    expect(waitingOn({ ...wait, resource: null }, undefined)).toBe("a or b about anything");
  });
});

describe("who has its work in hand", () => {
  const held: Waits = { step: "act", what: "http.request is being done, attempt 1: worker-host-1-7 has it", code: "action", worker: "worker-host-1-7", leased_at: "2026-11-20T10:00:00Z", until: "2026-11-20T10:01:30Z", then: "it is handed out again" };
  it("is named, with what comes when the lease ends", () => {
    expect(headline(held, undefined, "none")).toBe("http.request is being done, attempt 1: worker-host-1-7 has it.");
    expect(nextTimer(held, undefined, run())).toEqual({ at: "2026-11-20T10:01:30Z", then: "then it is handed out again" });
  });
  it("is nobody, and no timer takes it on", () => {
    const nobody: Waits = { step: "act", what: "http.request waits for a worker, attempt 1: no worker is connected", code: "worker" };
    expect(headline(nobody, undefined, "none")).toBe("http.request waits for a worker, attempt 1: no worker is connected.");
    expect(nextTimer(nobody, undefined, run())).toBeNull();
  });
});

describe("the next timer", () => {
  it("is whichever comes first, with what comes of it", () => {
    expect(nextTimer(asking, approval(), run())).toEqual({ at: "2026-11-20T11:00:00Z", then: "then the step fails" });
    expect(nextTimer(asking, approval({ at: 1 }), run())?.then).toBe("then it counts as rejected");
    expect(nextTimer(asking, approval(), run([], { deadline_at: "2026-11-20T10:30:00Z" }))).toEqual({ at: "2026-11-20T10:30:00Z", then: "then the time of the run is up" });
    expect(nextTimer({ ...asking, then: "the time of the run is up" }, approval(), run([], { deadline_at: "2026-11-20T11:00:00Z" }))?.then).toBe("then the time of the run is up");
    expect(nextTimer({ step: "a", what: "", code: "retry", until: "2026-11-20T10:01:00Z", then: "it is tried again" }, undefined, run())?.then).toBe("then it is tried again");
  });
  it("is none where only a person takes it on", () => {
    expect(nextTimer({ step: null, what: "", code: "person" }, undefined, run([], { state: "paused", deadline_at: "2026-11-20T10:30:00Z" }))).toBeNull();
  });
});

describe("if it fails", () => {
  const two = [{ id: "close" }, { id: "ask" }];
  const done = [step("first", { compensation: {}, ended_in: 3 }), step("close", { compensation: {}, ended_in: 7 }), step("gone", { compensation: {}, undone: true })];
  it("what was done is undone, the last first, or is not", () => {
    expect(undoable(run(two, { steps: done }))).toEqual(["close", "first"]);
    expect(ifItFails(run(two, { steps: done }, { on_failure: { rollback: "all", notify: ["team:basis"] } }), step("ask"))).toBe("the run fails; close, first are undone; team basis is told");
    expect(ifItFails(run(two, { steps: done.slice(0, 1) }), step("ask"))).toBe("the run fails; first is not undone");
    expect(ifItFails(run(two, {}, { on_failure: { rollback: "all" } }), step("ask"))).toBe("the run fails; nothing was done so far that can be undone");
    expect(ifItFails(run(two, { steps: done }, { on_failure: { pause: true } }), step("ask"))).toBe("the run stands still until a person decides");
  });
  it("is nothing where it cannot", () => {
    const wait: Waits = { step: "a", what: "", code: "event", then: "the step fails" };
    expect([wait, { ...wait, then: "the run goes on without it" }, { ...wait, code: "time" }, asking].map(mayFail)).toEqual([true, false, false, true]);
  });
  it("the run goes on where the workflow bears it", () => {
    expect(ifItFails(run([{ id: "ask", on_failure: "continue" }]), step("ask"))).toBe("the run goes on without it");
    const tried = [{ id: "guard", try: [{ id: "a" }], catch: [{ id: "b" }] }];
    expect(ifItFails(run(tried), step("guard/a"))).toBe("guard takes it up");
    expect(ifItFails(run(tried), step("guard/b"))).toBe("the run fails; nothing is undone");
    const each = [{ id: "others", for_each: { items: "x", max_failures: "10%" }, steps: [{ id: "check" }] }];
    expect(ifItFails(run(each), step("others[a/b]/check"))).toBe("others goes on while no more than 10% fail");
  });
});

describe("the limits", () => {
  const by = { concurrency: { by: ["inputs.host"] } };
  it("say what counts together, and who has the room", () => {
    expect(limits(run([], {}, by), { limit: 1, by: ["web-2"], under_way: ["run-1"], queued: 0 })).toBe("1 of 1 for host web-2, this run");
    expect(limits(run([], {}, by), { limit: 2, by: ["web-2"], under_way: ["run-1", "run-2"], queued: 3 })).toBe("2 of 2 for host web-2, this run among them; 3 others wait");
    expect(limits(run([], { state: "queued" }), { limit: 1, by: [], under_way: ["run-2"], queued: 1 })).toBe("1 of 1");
  });
});
