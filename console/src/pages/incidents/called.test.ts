import { describe, expect, it } from "vitest";

import type { Escalation, Manifest } from "../../data/types";
import { addressees, byHand, countdown, nextByHand, nextOf, reached, roundOf, targetsOf, turnOf, whatThen, whereItIs } from "./called";

const level = (...tell: string[]) => ({ tell, wait_s: 300 });

function escalation(part: Partial<Escalation> = {}): Escalation {
  return {
    id: "esc-1", namespace: "default", incident: "INC-1", policy: "default/rota@2", branches: [{ levels: [level("channel:desk"), level("team:managers")], repeat: 0, priorities: [], during: null }],
    branch: 0, state: "running", why: "first", alert: null, level: 1, cycle: 0, next_at: "2027-05-01T03:05:00Z", begun_at: "2027-05-01T03:00:00Z", updated_at: "2027-05-01T03:00:00Z",
    then: null, before: [], acknowledge_timeout_s: null, missed: [], targets: {}, pending: [], reached: true, ended_by: null, position: "0-1", ...part,
  };
}

const named = (actor: string | null): string => actor ?? "";
const repeating = (part: Partial<Escalation>): Escalation => escalation({ branches: [{ levels: [level("channel:desk"), level("team:managers")], repeat: 2, priorities: [], during: null }], ...part });

describe("what comes next", () => {
  it("is the next level, then another round, then the policy that goes on, then nobody", () => {
    expect(nextOf(escalation())?.clause).toBe("level 2 of 2, team:managers, is told");
    expect(nextOf(repeating({ level: 2 }))?.clause).toBe("round 2 of 3 begins with channel:desk");
    expect(nextOf(repeating({ level: 2, cycle: 2, then: "managers" }))?.who).toBe("escalation:managers");
    expect(nextOf(escalation({ level: 2 }))).toBeNull();
  });

  it("is no policy that went before, and not itself", () => {
    expect(nextOf(escalation({ level: 2, then: "desk", before: ["desk"] }))).toBeNull();
    expect(nextOf(escalation({ level: 2, then: "rota" }))).toBeNull();
  });

  it("is said with the state that it comes from", () => {
    expect(whatThen(escalation())).toBe("Unless someone acknowledges, level 2 of 2, team:managers, is told");
    expect(whatThen(escalation({ level: 2 }))).toContain("Nobody comes after");
    expect(whatThen(escalation({ state: "acknowledged" }))).toContain("open again and level 1, channel:desk, is told");
    expect(whatThen(escalation({ state: "acknowledged", next_at: null }))).toBeNull();
    expect(whatThen(escalation({ state: "held", next_at: null }))).toBeNull();
  });

  it("by hand is the first escalation of the incident that has more", () => {
    const [done, going] = [escalation({ id: "a", level: 2 }), escalation({ id: "b" })];
    expect(nextByHand({ escalations: ["a", "b"] }, [going, done])?.id).toBe("b");
    expect(nextByHand({ escalations: ["a"] }, [done])).toBeNull();
    expect(byHand(going)).toBe("Level 2 of 2 of rota is told now: team:managers.");
  });
});

describe("where it is", () => {
  it("says each state in words", () => {
    const incident = { acknowledged_by: "basis-1" };
    expect(whereItIs(escalation(), incident, named)).toBe("Level 1 of 2 was told");
    expect(whereItIs(escalation({ state: "held" }), incident, named)).toContain("goes on with level 1");
    expect(whereItIs(escalation({ state: "acknowledged" }), incident, named)).toBe("Stopped: basis-1 acknowledged it");
    expect(whereItIs(escalation({ state: "exhausted" }), incident, named)).toContain("nobody has acknowledged");
    expect(whereItIs(escalation({ state: "ended", ended_by: "default/managers" }), incident, named)).toBe("Ended: default/managers went on");
    expect(whereItIs(escalation({ policy: "user:basis-1" }), incident, named)).toBe("user:basis-1 is told");
  });

  it("tells levels apart that were told, have their turn, and are to come", () => {
    const one = escalation({ branches: [{ levels: [level("a"), level("b"), level("c")], repeat: 0, priorities: [], during: null }], level: 2 });
    expect([0, 1, 2].map((index) => turnOf(one, index))).toEqual(["told", "turn", "later"]);
    expect(turnOf({ ...one, state: "exhausted" }, 1)).toBe("told");
    expect(roundOf(one)).toBe("");
    expect(roundOf(repeating({ cycle: 1 }))).toBe("round 2 of 3");
  });
});

describe("time left", () => {
  it("counts seconds under an hour", () => {
    const now = Date.parse("2027-05-01T03:00:00Z");
    expect(countdown("2027-05-01T03:04:10Z", now)).toBe("4 m 10 s");
    expect(countdown("2027-05-01T03:00:09Z", now)).toBe("9 s");
    expect(countdown("2027-05-01T05:30:00Z", now)).toBe("2 h 30 m");
    expect(countdown("2027-05-01T02:59:00Z", now)).toBe("now");
  });

  it("says targets, and those that were missed", () => {
    const at = "2027-05-01T03:15:00Z";
    expect(targetsOf({ respond_by: at, resolve_by: null, missed: [] })).toEqual([{ text: "acknowledge", at, missed: false }]);
    expect(targetsOf({ respond_by: null, resolve_by: at, missed: ["respond"] }).map((one) => one.missed)).toEqual([true, false]);
  });
});

describe("whom one can call", () => {
  const manifest = (name: string, spec: Record<string, unknown>): Manifest => ({ name, spec }) as Manifest;
  const manifests = {
    Person: [manifest("basis-1", { default: [{ channel: "mail" }], important: [{ channel: "push", after: "0s" }, { channel: "mail", after: "2m" }], quiet_hours: "daily 22:00-07:00 UTC" })],
    Team: [manifest("basis", { channels: ["desk"], escalation: "rota" }), manifest("dba", { members: ["basis-1"] })],
    Channel: [manifest("desk", {})],
    EscalationPolicy: [manifest("rota", { levels: [{ tell: ["channel:desk"] }] })],
  };

  it("is grouped by kind", () => {
    expect(addressees(manifests).map(({ group, items }) => [group, items.map((item) => item.value)])).toEqual([
      ["People", ["user:basis-1"]], ["Teams", ["team:basis", "team:dba"]], ["Channels", ["channel:desk"]], ["Escalation policies", ["escalation:rota"]],
    ]);
  });

  it("says who is told, as the engine does it", () => {
    const open = { priority: "P1", state: "open" } as const;
    expect(reached("user:basis-1", manifests, open)).toBe("basis-1 is told by push, then mail after 2m.");
    expect(reached("user:basis-1", manifests, { ...open, priority: "P4" })).toBe("basis-1 is told by mail, but not in their quiet hours (daily 22:00-07:00 UTC).");
    expect(reached("team:basis", manifests, open)).toContain("The escalation policy rota begins");
    expect(reached("team:basis", manifests, { ...open, state: "acknowledged" })).toBe("The channels of basis are told now: desk.");
    expect(reached("team:dba", manifests, open)).toContain("The members of dba are told, each in their own way: basis-1");
    expect(reached("escalation:rota", manifests, { ...open, state: "acknowledged" })).toContain("Its further levels do not follow");
  });
});
