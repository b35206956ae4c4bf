import { describe, expect, it } from "vitest";

import type { Approval, RunDetail } from "../../data/types";
import { ifItFailsLater, mayApprove, onExpiry, said as saidTo, short, soonest, stagesOf } from "./view";

const stage = (name: string, quorum = 1) => ({ stage: name, by: ["team:basis", "user:basis-2"], quorum, expires_s: 3600, on_expiry: "fail", same_people: false });
const approval = (fields: Partial<Approval>): Approval => ({
  id: "APR-1", namespace: "default", run: "run-1", step: "ask", workflow: "extend", ask: "Extend it?", state: "pending", stages: [stage("operate", 2), stage("own")],
  created_at: "2026-11-20T10:00:00Z", updated_at: "2026-11-20T10:00:00Z", expires_at: "2026-11-20T11:00:00Z", ...fields,
});
const said = (by: string, decision: "approve" | "reject", at = "operate") => ({ by: `user:${by}`, stage: at, decision, at: "2026-11-20T10:05:00Z" });

describe("an approval's stages", () => {
  it("say which is asked, how many agreed and who said what", () => {
    const [first, second] = stagesOf(approval({ decisions: [{ ...said("basis-1", "approve"), reason: "looks right", instead_of: "user:basis-2" }] }));
    expect(first).toMatchObject({ now: "asked", count: "1 of 2", by: "team basis, basis-2" });
    expect(first?.said).toEqual([{ by: "basis-1", decision: "approve", at: "2026-11-20T10:05:00Z", reason: "looks right", insteadOf: "basis-2" }]);
    expect(second?.now).toBe("follows");
  });
  it("go on one after the other", () => {
    expect(stagesOf(approval({ at: 1 })).map((one) => one.now)).toEqual(["agreed", "asked"]);
    expect(stagesOf(approval({ at: 1, state: "approved" })).map((one) => one.now)).toEqual(["agreed", "agreed"]);
  });
  it("say which may be agreed to by those who agree in another, where there is another", () => {
    const apart = { ...stage("own"), same_people: true };
    expect(stagesOf(approval({ stages: [stage("operate"), apart] })).map((one) => one.also)).toEqual(["", "who agrees in another stage may agree in it, too"]);
    expect(stagesOf(approval({ stages: [apart] })).map((one) => one.also)).toEqual([""]);
  });
  it("are asked of those first whose time is up first", () => {
    const those = ["2026-11-21T10:00:00Z", "2026-11-20T10:30:00Z"].map((expires_at) => approval({ expires_at }));
    expect(soonest(those).map((one) => one.expires_at)).toEqual(["2026-11-20T10:30:00Z", "2026-11-21T10:00:00Z"]);
  });
  it("are told in a line with who agreed, and why", () => {
    expect(saidTo(approval({ decisions: [{ ...said("basis-1", "approve"), reason: "looks right" }, said("basis-2", "reject")] }))).toBe("approved by basis-1: looks right, rejected by basis-2");
    expect(saidTo(approval({}))).toBe("");
  });
  it("end where somebody rejected", () => {
    expect(stagesOf(approval({ state: "rejected", decisions: [said("basis-1", "reject")] })).map((one) => one.now)).toEqual(["ended", "follows"]);
  });
  it("say what comes of it if nobody decides", () => {
    expect(onExpiry(approval({}))).toBe("then the step fails");
    expect(onExpiry(approval({ stages: [{ ...stage("own"), on_expiry: "reject", same_people: false }] }))).toBe("then it counts as rejected");
    expect(onExpiry(approval({ expires_at: "2026-11-20T10:30:00Z" }))).toBe("then the time of the run is up");
    expect(onExpiry(approval({ run: null, request: "REQ-1" }))).toBe("then the request ends");
    expect(onExpiry(approval({ run: null, change: "CHG-1" }))).toBe("then the change needs another look");
  });
});

describe("who may approve", () => {
  it("are people, whoever looks first among them", () => {
    expect(mayApprove(["user:basis-1", "user:basis-2"], "basis-2")).toBe("you, basis-1");
    expect(mayApprove(["user:basis-1"], "basis-2")).toBe("basis-1");
  });
  it("are too few where fewer may decide than must agree", () => {
    expect(short({ ...approval({}), may_decide: ["user:basis-1"] })).toMatch(/^It cannot be approved as it is: only basis-1 may decide, and 2 must agree/);
    expect(short({ ...approval({ decisions: [said("basis-3", "approve")] }), may_decide: ["user:basis-1"] })).toBe("");
    expect(short({ ...approval({ at: 1 }), may_decide: [] })).toMatch(/nobody who is asked may decide, and 1 must agree/);
  });
});

describe("what a failure after an approval undoes", () => {
  const run = (on_failure: object): RunDetail => ({ definition: { on_failure } }) as unknown as RunDetail;
  it("is what was done, the last thing first, if the workflow says so", () => {
    expect(ifItFailsLater(run({ rollback: "all" }), ["open"], ["move", "grow"])).toBe("undone, as far as it came: grow, move, open");
    expect(ifItFailsLater(run({ rollback: "all" }), [], [])).toBe("nothing of it can be undone");
    expect(ifItFailsLater(run({}), ["open"], [])).toBe("what was done stays done");
    expect(ifItFailsLater(run({ pause: true }), ["open"], [])).toBe("the run stands still until a person decides");
  });
});
