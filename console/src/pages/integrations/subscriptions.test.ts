import { describe, expect, it } from "vitest";

import type { Subscription } from "../../data/types";
import { behindText, healthOfSubscription, subscriptionOf, wantsText } from "./subscriptions";

const subscription = (fields: Partial<Subscription>): Subscription =>
  ({ id: "default/erp", delivery: "webhook", state: "active", events: "facts", match: {}, behind_events: 0, behind_records: 0, behind_s: 0, ...fields }) as Subscription;

describe("a subscription's state", () => {
  it("is said in words", () => {
    expect(healthOfSubscription(subscription({})).text).toBe("Up to date");
    expect(healthOfSubscription(subscription({ behind_events: 1 })).text).toBe("1 event behind");
    expect(healthOfSubscription(subscription({ state: "failing", behind_events: 30 })).text).toBe("Failing, 30 events behind");
    expect(healthOfSubscription(subscription({ state: "stopped" })).state).toBe("failing");
    expect(healthOfSubscription(subscription({ state: "paused", behind_events: null })).text).toBe("Paused");
    expect(healthOfSubscription(subscription({ delivery: "stream", behind_events: null })).text).toBe("Read by its consumer");
  });
  it("says how far behind only what is known", () => {
    expect(behindText(subscription({}))).toBeNull();
    expect(behindText(subscription({ behind_events: 30, behind_s: 125 }))).toBe("30 events, the oldest waits for 2 min");
    expect(behindText(subscription({ behind_events: 1000, behind_s: 5 }))).toContain("or more");
    expect(behindText(subscription({ behind_events: null, behind_records: 7 }))).toContain("7 records");
  });
  it("names what it asks for", () => {
    expect(wantsText(subscription({}))).toBe("What OnCue says");
    expect(wantsText(subscription({ events: "inputs", match: { types: ["disk.*"], labels: { env: ["prod", "test"] } } }))).toBe("Events from outside: disk.*; env=prod|test");
  });
});

describe("the manifest of a new subscription", () => {
  const draft = { name: "erp", namespace: "default", events: "facts", types: "oncue.incident.*, oncue.alert.*", url: "https://erp.example/in", secret: "erp-key", mode: "batch" };
  it("holds what was asked for, and the secret as a reference", () => {
    expect(subscriptionOf(draft)["spec"]).toEqual({ events: "facts", match: { types: ["oncue.incident.*", "oncue.alert.*"] }, webhook: { url: "https://erp.example/in", mode: "batch", secrets: ["secret://erp-key"] } });
  });
  it("is a stream without an address", () => {
    expect(subscriptionOf({ ...draft, url: "", types: "" })["spec"]).toEqual({ events: "facts" });
  });
});
