import { describe, expect, it } from "vitest";

import type { Stats } from "../../data/stats";
import type { Incident, Run, Service } from "../../data/types";
import { byHealth, byNeed, funnelOf, headline, standing, subline, worstFirst } from "./view";

const incident = (fields: Partial<Incident>): Incident =>
  ({ id: "INC-1", title: "Disk full", service: null, priority: "P3", severity: "minor", opened_at: "2026-11-20T10:00:00Z", ...fields }) as Incident;

const stats = (fields: Partial<Stats>): Stats =>
  ({ openIncidents: 0, firingAlerts: 0, alerts_quiet: 0, incidents_by_priority: {}, monitors_failing: 0, dead_letters: 0, policies_failed: [], ...fields }) as Stats;

describe("headline", () => {
  it("names the worst open incident and its service", () => {
    const all = [incident({ id: "INC-1" }), incident({ id: "INC-2", priority: "P1", title: "Order entry slow", service: "orders" })];
    expect(headline(stats({}), all)).toBe("orders: Order entry slow");
  });
  it("says that all is well only when nothing audible fires", () => {
    expect(headline(stats({ firingAlerts: 2, alerts_quiet: 2 }), [])).toBe("All is well");
    expect(headline(stats({ firingAlerts: 3, alerts_quiet: 2 }), [])).toBe("1 alert fires, no incident is open");
  });
});

describe("order", () => {
  it("is by priority, then age, whatever the severity", () => {
    const ids = worstFirst([
      incident({ id: "c", opened_at: "2026-11-20T11:00:00Z" }), incident({ id: "b" }), incident({ id: "a", severity: "critical" }), incident({ id: "p", priority: "P1", severity: "warning" }),
    ]).map((each) => each.id);
    expect(ids).toEqual(["p", "a", "b", "c"]); // Of the same age: by id.
  });
  it("puts services that are not well first", () => {
    const services = [{ name: "b", severity: "clear" }, { name: "a", severity: "clear" }, { name: "z", severity: "major" }] as Service[];
    expect(byHealth(services).map((service) => service.name)).toEqual(["z", "a", "b"]);
  });
});

describe("subline", () => {
  it("counts what is wrong and leaves out what is not", () => {
    const services = [{ severity: "clear" }, { severity: "major" }] as Service[];
    expect(subline(stats({ openIncidents: 5, incidents_by_priority: { P1: 1 }, dead_letters: 1 }), services))
      .toEqual(["5 incidents open, 1 of them P1", "1 of 2 services affected", "1 dead letter waits"]);
    const failed = [{ policy: "default/a", failed: 3, last_at: "2026-11-20T10:00:00Z", detail: "" }];
    expect(subline(stats({ policies_failed: failed }), [])).toEqual(["No incident is open", "1 policy failed in the last 24 h"]);
    expect(subline(stats({}), [])).toEqual(["No incident is open"]);
  });
});

describe("funnel", () => {
  it("gives the ratio of each stage to the one before", () => {
    expect(funnelOf({ events: 1_312_480, alerts: 412, incidents: 9, notifications: 4 }).map((stage) => stage.note))
      .toEqual(["last 24 h", "1 in 3,186", "1 in 46", "1 in 2"]);
  });
  it("compares alerts of one namespace with no events of others", () => {
    expect(funnelOf({ events: 1_000, alerts: 10, incidents: 5, notifications: 5 }, true).map((stage) => stage.note)).toEqual(["every namespace", "last 24 h", "1 in 2", "of 5"]);
  });
  it("stands an empty day", () => {
    expect(funnelOf({ events: 0, alerts: 0, incidents: 0, notifications: 0 }).map((stage) => stage.share)).toEqual([0, 0, 0, 0]);
  });
});

describe("runs in motion", () => {
  it("come in the order in which they need someone", () => {
    const runs = [{ id: "1", state: "running" }, { id: "2", state: "paused" }, { id: "3", state: "running", stuck: true }, { id: "4", state: "queued" }, { id: "5", state: "rollback_failed" }] as Run[];
    expect(byNeed(runs).map((run) => run.id)).toEqual(["5", "3", "2", "1", "4"]);
  });
});

describe("standing", () => {
  it("says what holds a run up", () => {
    expect(standing({ state: "paused", paused_by: "user:basis-1", reason: "freeze" } as Run, { mark: "paused", detail: "" })).toBe("paused by basis-1: freeze");
    expect(standing({ state: "paused", paused_by: "oncue", reason: "step a failed" } as Run, { mark: "paused", detail: "" })).toBe("paused by OnCue: step a failed");
    expect(standing({ state: "queued" } as Run, { mark: "queued", detail: "" })).toBe("waits for its turn");
    expect(standing({ state: "rollback_failed", undoing: "extend" } as Run, { mark: "rollback_failed", detail: "" })).toBe("could not undo extend");
    expect(standing({ state: "running", stuck: true } as Run, { mark: "running", detail: "" })).toBe("stands still");
    expect(standing({ state: "running", stuck: true, resource: "erp-1" } as Run, { mark: "waiting", detail: "no worker is connected" })).toBe("stands still, no worker is connected");
    expect(standing({ state: "running" } as Run, { mark: "running", detail: "" })).toBe("at work");
    expect(standing({ state: "running" } as Run, { mark: "waiting", detail: "" })).toBe("");
  });
});
