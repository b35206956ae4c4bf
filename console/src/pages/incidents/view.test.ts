import { describe, expect, it } from "vitest";

import type { Alert, Membership } from "../../data/types";
import { actsOf, membersOf, openFor, respondedAfter, rolesText } from "./view";

describe("an incident's acts", () => {
  it("begin with acknowledging and end with closing", () => {
    expect(actsOf("open")[0]).toBe("acknowledge");
    expect(actsOf("acknowledged")).toEqual(["resolve"]);
    expect(actsOf("resolved")).toEqual(["close", "reopen"]);
    expect(actsOf("closed")).toEqual([]);
  });
});

describe("an incident's times", () => {
  const opened_at = "2026-11-20T10:00:00Z";
  it("run until it is resolved", () => {
    expect(openFor({ opened_at, resolved_at: null }, Date.parse("2026-11-20T10:07:24Z"))).toBe("7 m");
    expect(openFor({ opened_at, resolved_at: "2026-11-20T10:30:00Z" }, Date.parse("2026-11-21T10:00:00Z"))).toBe("30 m");
  });
  it("say how soon someone took it on", () => {
    expect(respondedAfter({ opened_at, acknowledged_at: "2026-11-20T10:02:15Z" })).toBe("2 m");
    expect(respondedAfter({ opened_at, acknowledged_at: null })).toBeNull();
  });
});

describe("an incident's alerts", () => {
  const alert = (id: string): Alert => ({ id }) as Alert;
  const membership = (name: string, role: Membership["role"], left_at: string | null = null): Membership =>
    ({ id: `INC-1/${name}`, namespace: "default", incident: "INC-1", alert: name, rule: "resource", reason: "", at: "", role, by: "system", left_at, left_for: null });
  const alerts = ["related", "cause", "symptom", "gone"].map(alert);
  const memberships = new Map(
    [membership("gone", "related", "2026-11-20T10:00:00Z"), membership("cause", "symptom"), membership("symptom", "symptom"), membership("related", "related")]
      .map((one) => [one.alert, one]),
  );
  const { here, gone } = membersOf(alerts, memberships, { id: "INC-1", cause: "cause" });

  it("stand by role, the cause first, without those that went elsewhere", () => {
    expect(here.map((member) => member.alert.id)).toEqual(["cause", "symptom", "related"]);
    expect(gone.map((one) => one.alert)).toEqual(["gone"]);
  });
  it("are counted by role where roles are known", () => {
    expect(rolesText(here)).toBe("1 cause, 1 symptom, 1 related");
    expect(rolesText(here.slice(2))).toBe("");
  });
});
