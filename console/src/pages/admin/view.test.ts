import { describe, expect, it } from "vitest";

import { deed, object } from "./view";

describe("the audit log in words", () => {
  it("says what was done", () => {
    expect(deed("oncue.audit.sign_in_refused")).toBe("Sign in refused");
    expect(deed("oncue.command.incident.acknowledge")).toBe("Incident acknowledge");
    expect(deed("oncue.config.applied")).toBe("Configuration applied");
  });
  it("says on what, and leaves out what is empty", () => {
    expect(object({ user: "basis-1", how: "", changed: { disabled: true } })).toBe('user basis-1, changed {"disabled":true}');
    expect(object("text")).toBe("");
    expect(object({ changes: [{ op: "apply", kind: "Policy", namespace: "default", name: "cpu", spec: {} }, { op: "delete", kind: "Team", namespace: "default", name: "basis" }] }))
      .toBe("Policy default/cpu, deleted Team default/basis");
  });
});
