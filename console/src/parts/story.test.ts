import { describe, expect, it } from "vitest";

import type { CloudEvent, Peak } from "../data/types";
import { crossingText, entryOf, worstText } from "./story";

const fact = (type: string, data: unknown): CloudEvent => ({ specversion: "1.0", id: "1", source: "/oncue", type, data });

describe("crossingText", () => {
  it("puts the limit beside the measurement", () => {
    expect(crossingText({ value: 97, limit: 90, unit: "percent" })).toBe("97 %, limit 90 %");
    expect(crossingText({ limit: 90, unit: "percent" })).toBe("limit 90 %");
    expect(crossingText(null)).toBe("");
  });
});

describe("worstText", () => {
  const at = new Date(2026, 10, 21, 3, 12, 40);
  const peak: Peak = { severity: "critical", title: "CPU at 97 %", at: at.toISOString(), crossing: { value: 97, limit: 95, unit: "percent" } };
  it("says how bad it has been, where it is better now", () => {
    expect(worstText({ severity: "warning", peak }, at.getTime())).toBe("critical, 97 % at 03:12");
    expect(worstText({ severity: "warning", peak: { ...peak, crossing: null } }, at.getTime() + 86_400_000)).toMatch(/^critical at .*21.*, 03:12$/);
  });
  it("says nothing of an alert that is as bad as ever", () => {
    expect(worstText({ severity: "critical", peak }, 0)).toBe("");
    expect(worstText({ severity: "critical", peak: null }, 0)).toBe("");
  });
});

describe("entryOf", () => {
  it("shows an outside event by its title", () => {
    expect(entryOf({ ...fact("net.lacp.flap", {}), title: "Port flaps", resource: "sw-1" })).toMatchObject({ text: "Port flaps", detail: "sw-1", milestone: false });
  });
  it("says that a policy did not act, with its reason outlined", () => {
    expect(entryOf(fact("oncue.policy.blocked", { policy: "default/a", generation: 3, reason: "cooldown", detail: "until 12:00" })))
      .toMatchObject({ text: "Policy default/a did not act", code: "cooldown", detail: "gen 3, until 12:00", not: true });
  });
  it("says loudly that a policy's response failed, which is another thing than holding back", () => {
    expect(entryOf(fact("oncue.policy.failed", { policy: "default/a", generation: 3, reason: "response_failed", detail: "workflow.not_found: x" })))
      .toMatchObject({ text: "Policy default/a fired, but its response failed", code: "response_failed", detail: "gen 3, workflow.not_found: x", not: false, failed: true, milestone: true });
  });
  it("says where an incident and its alerts went", () => {
    expect(entryOf(fact("oncue.incident.merged", { id: "INC-2", merged_into: "INC-1" }))).toMatchObject({ text: "INC-2 became part of INC-1", milestone: true });
    expect(entryOf(fact("oncue.incident.alert_removed", { incident: "INC-2", left_for: "INC-1", rule: "manual", reason: "Not the same" })))
      .toMatchObject({ text: "An alert left INC-2 for INC-1", code: "manual", detail: "Not the same" });
  });
  it("says what was found out last, and who did", () => {
    const enriched = {
      labels: { rack: { value: "r7", by: "run:r-1", at: "2026-11-20T10:00:00Z" } }, annotations: {}, links: [],
      notes: [{ text: "Swapped", by: "user:basis-1", at: "2026-11-20T10:05:00Z" }],
    };
    expect(entryOf(fact("oncue.alert.enriched", { title: "Disk", enriched }))).toMatchObject({ text: "Disk: basis-1 found out more", detail: "Swapped" });
    expect(entryOf(fact("oncue.alert.enriched", { title: "Disk", enriched: { ...enriched, notes: [] } }))).toMatchObject({ text: "Disk: a run found out more", detail: "rack=r7" });
    expect(entryOf(fact("oncue.alert.enriched", { title: "Disk", enriched: null }))).toMatchObject({ text: "Disk: what was added was taken back" });
  });
  it("says that quiet ends soon, and who was reminded", () => {
    expect(entryOf(fact("oncue.silence.expiring", { heard: 1, by: "basis-1", told: ["default/mail"] }))).toMatchObject({ text: "The silence ends soon", detail: "1 firing alert will be heard then; basis-1 was reminded" });
    expect(entryOf(fact("oncue.alert.snooze_expiring", { heard: 2, by: "user:basis-1", told: [] }))).toMatchObject({ text: "The snooze ends soon", detail: "2 firing alerts will be heard then; nobody was reminded" });
  });
  it("says that runs were paused, where and why", () => {
    expect(entryOf(fact("oncue.pause.began", { id: "*", by: "user:basis-1", reason: "storage is moved" }))).toMatchObject({ text: "Automatic runs paused everywhere", detail: "by basis-1, storage is moved", icon: "pause" });
    expect(entryOf(fact("oncue.pause.ended", { id: "erp", by: "user:basis-1" }))).toMatchObject({ text: "Automatic runs resumed in erp" });
  });
  it("names a change and what became of it", () => {
    expect(entryOf(fact("oncue.change_record.finished", { id: "CR-1", title: "New disks", state: "failed" }))).toMatchObject({ text: "CR-1 is over: New disks", detail: "failed", icon: "change" });
  });
  it("names a change that is planned, and why it is where it is", () => {
    expect(entryOf(fact("oncue.change.assess", { id: "CHG-7", title: "New disks", said: "no window" }))).toMatchObject({ text: "CHG-7 needs another look: New disks", detail: "no window", icon: "change", milestone: true });
    expect(entryOf(fact("oncue.change.updated", { id: "CHG-7", title: "New disks" }))).toMatchObject({ milestone: false });
  });
  it("says who decided about an approval, and quotes why", () => {
    const decided = { id: "APR-1", ask: "Extend it?", decisions: [{ by: "user:basis-1", decision: "reject", reason: "not tonight" }] };
    expect(entryOf(fact("oncue.approval.requested", { ...decided, decisions: undefined }))).toMatchObject({ text: "APR-1 asks people", detail: "Extend it?", said: null });
    expect(entryOf(fact("oncue.approval.rejected", decided))).toMatchObject({ text: "APR-1 rejected by basis-1", said: "not tonight", icon: "failed" });
    expect(entryOf(fact("oncue.approval.expired", { id: "APR-1" })).text).toBe("Nobody decided APR-1 in time");
  });
  it("says who asked for what happens to a run, and not of what follows from it", () => {
    expect(entryOf(fact("oncue.run.resumed", { workflow: "grow" }), "user:basis-1").text).toBe("grow resumed by basis-1");
    expect(entryOf(fact("oncue.run.resumed", { workflow: "grow" }), null).text).toBe("grow resumed");
    expect(entryOf(fact("oncue.run.succeeded", { workflow: "grow" }), "user:basis-1").text).toBe("grow succeeded");
  });
  it("is loud about a run that could not be rolled back", () => {
    expect(entryOf(fact("oncue.run.rollback_failed", { workflow: "grow", reason: "step a" }))).toMatchObject({ text: "grow could not be rolled back", failed: true, icon: "failed" });
  });
  it("quotes a comment", () => {
    expect(entryOf(fact("oncue.incident.commented", { by: "basis-1", text: "Looking" }))).toMatchObject({ text: "basis-1", said: "Looking" });
  });
  it("names the channel of a notification", () => {
    expect(entryOf(fact("oncue.effect.succeeded", { kind: "notify", uses: "email", payload: { channel: "default/ops", reason: "first" } })))
      .toMatchObject({ text: "Notification by email to default/ops sent", code: "first", icon: "mail" });
  });
  it("survives data of any form", () => {
    expect(entryOf(fact("oncue.alert.fired", null)).text).toBe("Alert");
    expect(entryOf(fact("oncue.silence.created", "odd")).text).toBe("Silence created");
  });
});
