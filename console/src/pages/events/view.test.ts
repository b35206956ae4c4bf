import { describe, expect, it } from "vitest";

import type { JournalEvent, Story, StoryNode } from "../../data/types";
import { about, didNot, failed, histogram, laneOf, merged, outline, rowText, summary } from "./view";

const event = (recorded_at: string, fields: Partial<JournalEvent["event"]> = {}): JournalEvent =>
  ({ position: "0-1", recorded_at, id: "1", type: "t", event: { specversion: "1.0", id: "1", source: "/s", type: "t", ...fields } }) as JournalEvent;
const node = (fields: Partial<StoryNode>): StoryNode =>
  ({ id: "n", kind: "fact", position: "0-1", at: "", type: "oncue.alert.fired", title: "", about_kind: null, about_id: null, outcome: null, reason: null, detail: null, severity: null, ...fields });

describe("histogram", () => {
  it("has at most sixty bars, whose sum is every event", () => {
    const now = Date.parse("2026-11-20T12:00:00Z");
    const events = Array.from({ length: 500 }, (_, index) => event(new Date(now - index * 20_000).toISOString(), index % 5 === 0 ? { severity: "major" } : {}));
    const { bars } = histogram(events, now);
    expect(bars.length).toBeLessThanOrEqual(61);
    expect(bars.reduce((sum, bar) => sum + bar.bad + bar.other, 0)).toBe(500);
    expect(bars.reduce((sum, bar) => sum + bar.bad, 0)).toBe(100);
  });
  it("is empty without events", () => {
    expect(histogram([], 0).bars).toEqual([]);
  });
});

describe("rowText", () => {
  it("takes the title, then what the data says, then the subject", () => {
    expect(rowText(event("", { title: "T", data: { summary: "S" } }))).toBe("T");
    expect(rowText(event("", { data: { summary: "S" } }))).toBe("S");
    expect(rowText(event("", { subject: "INC-1", data: [1] }))).toBe("INC-1");
  });
});

describe("a story", () => {
  it("runs from events over alerts and decisions to responses", () => {
    expect(laneOf(node({ kind: "input" }))).toBe("Event");
    expect(laneOf(node({ about_kind: "incident" }))).toBe("Incident");
    expect(laneOf(node({ kind: "near_miss" }))).toBe("Decision");
    expect(laneOf(node({ type: "oncue.effect.requested" }))).toBe("Response");
  });
  it("draws apart what did not happen", () => {
    expect(didNot(node({ outcome: "blocked" }))).toBe(true);
    expect(didNot(node({ outcome: "fired" }))).toBe(false);
  });
  it("tells what failed from what was held back", () => {
    expect([didNot(node({ outcome: "failed" })), failed(node({ outcome: "failed" })), failed(node({ outcome: "blocked" }))]).toEqual([false, true, false]);
    expect(summary({ root: "n", truncated: false, nodes: [node({ kind: "decision", outcome: "failed" })], edges: [] })).toBe("1 decision, 1 failed");
  });
  const story: Story = {
    root: "a", truncated: false,
    nodes: [
      node({ id: "a", kind: "input" }), node({ id: "b", about_kind: "run", about_id: "r1", type: "oncue.run.started" }),
      node({ id: "c", about_kind: "run", about_id: "r1", type: "oncue.run.succeeded" }),
    ],
    edges: [{ from: "a", to: "b", kind: "caused" }, { from: "b", to: "c", kind: "caused" }],
  };
  it("shows one thing once, with what became of it", () => {
    const one = merged(story);
    expect(one.nodes.map((each) => [each.id, each.detail])).toEqual([["a", null], ["run:r1", "started, succeeded"]]);
    expect(one.edges).toEqual([{ from: "a", to: "run:r1", kind: "caused" }]);
  });
  it("leaves out what only reports back, and hangs what it caused on the run", () => {
    const one = merged({
      root: "a", truncated: false,
      nodes: [
        node({ id: "a", kind: "input", type: "net.flap" }), node({ id: "b", about_kind: "run", about_id: "r1", type: "oncue.run.started" }),
        node({ id: "r", kind: "input", type: "oncue.effect.result" }), node({ id: "s", about_kind: "step", about_id: "r1/probe", type: "oncue.step.succeeded" }),
        node({ id: "c", about_kind: "comment", about_id: "c1", type: "oncue.incident.commented" }),
      ],
      edges: [{ from: "a", to: "b", kind: "caused" }, { from: "r", to: "s", kind: "caused" }, { from: "r", to: "c", kind: "caused" }],
    });
    expect(one.nodes.map((each) => [each.id, each.title])).toEqual([["a", ""], ["run:r1", ""], ["comment:c1", "Comment"]]);
    expect(one.nodes[1]?.detail).toBe("started, 1 step");
    expect(one.edges).toEqual([{ from: "a", to: "run:r1", kind: "caused" }, { from: "run:r1", to: "comment:c1", kind: "caused" }]);
  });
  it("leads from an alert to the incident that it joined", () => {
    const one = merged({
      root: "a", truncated: false,
      nodes: [
        node({ id: "a", kind: "input", type: "net.flap" }), node({ id: "b", about_kind: "alert", about_id: "A1" }),
        node({ id: "c", about_kind: "incident", about_id: "INC-1", type: "oncue.incident.opened" }),
        node({ id: "d", about_kind: "membership", about_id: "INC-1/A1", type: "oncue.incident.alert_added" }),
      ],
      edges: ["b", "c", "d"].map((to) => ({ from: "a", to, kind: "caused" as const })),
    });
    expect(one.edges).toEqual([{ from: "alert:A1", to: "incident:INC-1", kind: "caused" }, { from: "a", to: "alert:A1", kind: "caused" }]);
  });
  it("names the incident that an alert joined, and leads to it", () => {
    const [joined] = merged({ root: "d", truncated: false, nodes: [node({ id: "d", title: "INC-1/A1", about_kind: "membership", about_id: "INC-1/A1", type: "oncue.incident.alert_added", reason: "same service: orders" })], edges: [] }).nodes;
    expect(joined).toMatchObject({ title: "INC-1", about_kind: "incident", about_id: "INC-1", detail: "same service: orders" });
  });
  it("says why, and what became of it", () => {
    expect(about(node({ kind: "decision", type: "oncue.policy.fired", reason: "matched", outcome: "fired" }))).toBe("matched · fired");
    expect(about(node({ kind: "input", type: "net.flap" }))).toBe("net.flap");
  });
  it("counts what it holds", () => {
    expect(summary(story)).toBe("1 event, 1 response");
  });

  it("is told as an outline: each thing once, under what caused it first", () => {
    const story = { root: "a", truncated: false, nodes: ["c", "a", "b", "lost"].map((id) => node({ id })), edges: [{ from: "a", to: "b", kind: "caused" }, { from: "b", to: "c", kind: "caused" }, { from: "a", to: "c", kind: "caused" }] } satisfies Story;
    expect(outline(story).map((row) => [row.node.id, row.depth])).toEqual([["a", 0], ["b", 1], ["c", 2], ["lost", 0]]);
  });
});
