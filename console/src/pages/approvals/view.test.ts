import { describe, expect, it } from "vitest";

import type { Approval } from "../../data/types";
import { onExpiry, stagesOf } from "./view";

const stage = (name: string, quorum = 1) => ({ stage: name, by: ["team:basis", "user:basis-2"], quorum, expires_s: 3600, on_expiry: "fail" });
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
  it("end where somebody rejected", () => {
    expect(stagesOf(approval({ state: "rejected", decisions: [said("basis-1", "reject")] })).map((one) => one.now)).toEqual(["ended", "follows"]);
  });
  it("say what comes of it if nobody decides", () => {
    expect(onExpiry(approval({}))).toBe("then the step fails");
    expect(onExpiry(approval({ stages: [{ ...stage("own"), on_expiry: "reject" }] }))).toBe("then it counts as rejected");
    expect(onExpiry(approval({ run: null, request: "REQ-1" }))).toBe("then the request ends");
  });
});
