import { describe, expect, it } from "vitest";

import { deed, object, unwell } from "./view";

describe("the audit log in words", () => {
  it("says what was done", () => {
    expect(deed("oncue.audit.sign_in_refused")).toBe("Sign in refused");
    expect(deed("oncue.command.incident.acknowledge")).toBe("Incident acknowledge");
    expect(deed("oncue.config.applied")).toBe("Configuration applied");
  });
  it("says on what, and leaves out what is empty", () => {
    expect(object({ user: "basis-1", how: "", changed: { disabled: true } })).toBe('user basis-1, changed {"disabled":true}');
    expect(object("text")).toBe("");
    expect(object({ actor: "user:basis-1", user: "basis-2", force: false, bindings: [{ role: "admin", namespace: "*" }] })).toBe("user basis-2, admin in every namespace");
    expect(object({ changes: [{ op: "apply", kind: "Policy", namespace: "default", name: "cpu", spec: {} }, { op: "delete", kind: "Team", namespace: "default", name: "basis" }] }))
      .toBe("Policy default/cpu, deleted Team default/basis");
  });
});

describe("monitors of this server", () => {
  it("are unwell when they found something or cannot measure, not while they wait", () => {
    const states = ["clear", "ok", "pending", "warning", "failing"] as const;
    expect(states.filter((state) => unwell({ state: { state } as never }))).toEqual(["warning", "failing"]);
    expect(unwell({ state: null })).toBe(false);
  });
});
