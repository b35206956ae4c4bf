import { describe, expect, it } from "vitest";

import type { Change, ChangeSpec } from "../../data/types";
import { choosable, headline, instantOf, keptAs, plain, planSteps, reachOf, standingOf, targetsOf, targetsText, termsOf, wayOf, whenOf } from "./view";

const change = (fields: Partial<Change>): Change => ({
  id: "CHG-1", namespace: "default", title: "Upgrade", type: "normal", reason: "A hole", state: "draft", said: null, requester: "user:basis-1", hands: [], spec: {}, inputs: {}, wanted: [], configuration: [], plan: null,
  close_code: null, close_note: null, began_at: null, ended_at: null, closed_at: null, starts_at: null, not_before: null, ...fields,
} as unknown as Change);
const planned = { plan: { hash: "ab", unknown: [], workflows: {}, approvals: [], waves: [{ name: "canary", targets: ["web-1"] }, { name: "wave-1", targets: ["web-2", "web-3", "web-4"] }] } };

describe("the way of a change", () => {
  const signs = (fields: Partial<Change>) => wayOf(change(fields)).map(({ state, is }) => `${state} ${is}`);
  it("says what it has passed, where it is and what is to come", () => {
    expect(signs({ state: "scheduled" })).toEqual(["draft passed", "assess passed", "authorise passed", "scheduled here", "implement coming", "review coming", "closed coming"]);
  });
  it("leaves out approval of a standard change", () => {
    expect(signs({ state: "implement", type: "standard" })[2]).toBe("authorise left out");
  });
  it("ends early when it is cancelled", () => {
    expect(signs({ state: "cancelled" })).toEqual(["draft passed", "assess left out", "authorise left out", "scheduled left out", "implement left out", "review left out", "cancelled here"]);
  });
});

describe("where a change stands", () => {
  it("is its state, and what came of it once it is over", () => {
    expect(standingOf(change({ state: "authorise" }))).toEqual({ mark: "authorise", words: "Waits for approval" });
    expect(standingOf(change({ state: "closed", close_code: "backed_out" }))).toEqual({ mark: "rolled_back", words: "Rolled back" });
    expect(standingOf(change({ state: "review", close_code: "unsuccessful" })).words).toBe("Unsuccessful, to be reviewed");
  });
  it("is what its run says while it is made", () => {
    expect(standingOf(change({ state: "implement", run_state: "paused" })).words).toBe("Paused");
    expect(standingOf(change({ state: "implement", run_state: "rolling_back" })).mark).toBe("rolling_back");
    expect(standingOf(change({ state: "implement", run_state: "rollback_failed" })).words).toBe("Rollback stopped");
    expect(standingOf(change({ state: "implement", run_state: "running" })).words).toBe("Under way");
    expect(standingOf(change({ state: "review", close_code: "backed_out", run_state: "rolled_back" })).words).toBe("Rolled back, to be reviewed");
  });
  it("comes with why, as a sentence, and with addresses as people say them", () => {
    expect(headline(change({ state: "assess", said: "the calendar nights has no window" }), undefined)).toEqual({ title: "Something speaks against it", detail: "The calendar nights has no window." });
    expect(headline(change({ state: "assess", said: "waves[canary]/targets[web-1]/set is not known" }), undefined).detail).toBe("web-1: set is not known.");
    expect(headline(change({ state: "scheduled", starts_at: null, said: "it waits for someone to start it" }), undefined).title).toBe("It is agreed to, and waits to be started");
    expect(headline(change({ state: "closed", close_code: "successful", close_note: "Quicker than thought" }), undefined)).toEqual({ title: "It succeeded", detail: "Quicker than thought" });
    expect(plain("1 of 3 failed; step waves[wave-1]/targets[web-3]/upgrade failed validation: x; step waves[canary]/bake failed")).toBe("1 of 3 failed; web-3: upgrade failed validation: x; canary: bake failed");
  });
  it("has the instant that matters in its state", () => {
    const at = "2026-11-24T21:00:00Z";
    const now = Date.parse("2026-11-24T20:59:00Z");
    expect(whenOf(change({ state: "authorise", not_before: at }), now)).toEqual({ what: "not before", at });
    expect(whenOf(change({ state: "authorise", not_before: at }), now + 120_000)).toEqual({ what: "once agreed", at: null });
    expect(whenOf(change({ state: "scheduled", starts_at: at }), now)).toEqual({ what: "begins", at });
    expect(whenOf(change({ state: "scheduled" }), now)).toEqual({ what: "when started", at: null });
    expect(whenOf(change({ state: "review", began_at: "x", ended_at: at }), now)).toEqual({ what: "done", at });
    expect(whenOf(change({ state: "cancelled", closed_at: at, starts_at: "x" }), now)).toEqual({ what: "cancelled", at });
  });
});

describe("what a change reaches", () => {
  it("is what its plan found, or else what its template says", () => {
    expect(reachOf(change(planned))).toBe("4 targets in 2 waves");
    expect(targetsOf(change(planned))).toBe("web-1, web-2, web-3 and 1 more");
    expect(reachOf(change({ wanted: ["web-1"] }))).toBe("1 target");
    const configuration = [{ edit: { kind: "Service", name: "shop" } }] as unknown as Change["configuration"];
    expect([reachOf(change({ ...planned, configuration })), targetsOf(change({ ...planned, configuration }))]).toEqual(["1 manifest", "Service shop"]);
    expect(targetsOf(change({ spec: { targets: { labels: { role: ["web", "app"] }, type: "host" } } }))).toBe("role web or app, type host");
    expect(targetsText({ names: ["db-1"], service: "shop" })).toBe("db-1; service shop");
  });
  it("may be chosen from what fits in its namespace, and what is named", () => {
    const resource = (name: string, labels: object, namespace = "default") => ({ name, namespace, spec: { type: "host", labels } });
    const all = [resource("web-1", { role: "web" }), resource("db-1", { role: "db" }), resource("web-9", { role: "web" }, "other")];
    expect(choosable({ labels: { role: ["web"] }, names: ["proxy"] }, all, "default")).toEqual(["proxy", "web-1"]);
    expect(choosable({ type: "host" }, all, "default")).toEqual(["web-1", "db-1"]);
    expect(choosable({ names: ["proxy"] }, all, "default")).toEqual(["proxy"]);
  });
});

describe("what is kept of a change", () => {
  it("has a PDF only where the server can make one", () => {
    expect([keptAs(true), keptAs(false)].map(({ label, format }) => [label, format])).toEqual([["PDF and proof", "zip"], ["Proof", "json"]]);
  });
});

describe("the plan in words", () => {
  const terms = (spec: ChangeSpec) => Object.fromEntries(termsOf(spec));
  it("says what is at its default, too", () => {
    expect(terms({ type: "standard" })).toMatchObject({
      "Waves": "all in one, at most 10 at the same time", "At most may fail": "none of a wave", "If it fails": "all of it is rolled back", "Window": "at any time that is not frozen",
      "Before each wave": "no alert that calls a person fires on a target; no P1 or P2 is open there, or behind it; no other change runs there", "Must agree": "nobody: it is a standard change", "Reviewed": "if it fails",
    });
  });
  it("says what is written", () => {
    expect(terms({
      type: "emergency", waves: { canary: 1, then: "50%", growth: 2, spread_by: "zone", bake: "5m", max_failures: 1, gate: [{ by: ["team:cab"] }] }, preconditions: { healthy: false, no_incidents: [], alone: false },
      window: { calendar: "nights", on_close: "rollback" }, expects: [{ types: ["web.down"] }], on_failure: { rollback: "wave", pause: true }, approvals: [{ by: ["user:cab-1"] }], bake: "1h",
    })).toEqual({
      "Waves": "1 target first, then 50% at a time, each 2 times as large, spread over zone, at most 10 at the same time", "At most may fail": "1 of a wave", "Before each wave": "team cab must agree",
      "Must stay well": "5m after each wave, 1h at the end", "If it fails": "it pauses, then the wave is rolled back", "Window": "nights; when it closes: it is rolled back", "May cause": "web.down for at most 30m",
      "Must agree": "cab-1", "Reviewed": "always", "Takes at most": "8h",
    });
  });
  it("has each step with how it is validated and undone", () => {
    const steps = [
      { id: "restart", title: "Restart", uses: "ssh.command", validate: { uses: "http.request", that: "result.status == 200", every: "10s", within: "5m" }, rollback: { uses: "ssh.command" } },
      { id: "settle", wait: { for: "3s" } },
      { id: "drop", uses: "sql.query", irreversible: true },
    ];
    expect(planSteps(steps)).toEqual([
      { id: "restart", title: "Restart", does: "ssh.command", looks: "http.request: result.status == 200, every 10s, within 5m", undoes: "ssh.command", irreversible: false, acts: true },
      { id: "settle", title: "settle", does: "wait 3s", looks: "", undoes: "", irreversible: false, acts: false },
      { id: "drop", title: "drop", does: "sql.query", looks: "", undoes: "", irreversible: true, acts: true },
    ]);
  });
});

it("an instant that was not typed is none", () => {
  expect(instantOf("")).toBeUndefined();
  expect(instantOf("2026-11-24T22:00")).toMatch(/^2026-11-2[345]T.*Z$/);
});
