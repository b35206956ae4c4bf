import { describe, expect, it } from "vitest";

import { document, namedIn, positionText, responds, selects } from "./view";

describe("a policy in words", () => {
  it("says what it selects", () => {
    expect(selects({ spec: { match: { types: ["net.*"], labels: { role: ["core", "agg"] }, where: "event.data.up < 2" } } })).toBe("net.*, role core or agg, event.data.up < 2");
    expect(selects({ spec: {} })).toBe("every event");
  });
  it("says what it does", () => {
    expect(responds({ spec: { alert: {}, notify: { escalation: "owner" }, respond: [{ run: { workflow: "diagnose" } }, { ticket: {} }] } }))
      .toEqual(["shapes the alert", "tells owner", "runs diagnose", "writes a ticket"]);
    expect(responds({ spec: { stage: "shape", set: { severity: "minor", labels: { env: "test" }, quiet: true } } }))
      .toEqual(["sets severity, labels", "makes it quiet"]);
  });
  it("is shown as a document that can be applied again", () => {
    const text = document("Policy", { name: "cpu", namespace: "default", labels: {}, owner: null, description: null, spec: { mode: "active" } });
    expect(text).toBe("apiVersion: oncue/v1\nkind: Policy\nmetadata:\n  name: cpu\n  namespace: default\nspec:\n  mode: active\n");
  });
  it("links near-misses however their position is written", () => {
    expect(positionText(12)).toBe("0-12");
    expect(positionText("0-12")).toBe("0-12");
  });
  it("has the name that its text says", () => {
    expect(namedIn("kind: Policy\nmetadata:\n  owner: team:a\n  name: cpu-high\nspec: {}\n")).toBe("cpu-high");
    expect(namedIn('metadata: {owner: "team:a", name: "cpu"}\n')).toBe("cpu");
    expect(namedIn("spec:\n  name: not-this\n")).toBe("");
  });
});
