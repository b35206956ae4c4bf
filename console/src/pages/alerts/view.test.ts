import { describe, expect, it } from "vitest";

import type { Alert } from "../../data/types";
import { acknowledgeable, facets, inView, matchersFor } from "./view";

const alert = (fields: Partial<Alert>): Alert =>
  ({ id: "a", state: "firing", quiet: [], resource: "host-1", check: null, fingerprint: "f1", service: null, ...fields }) as Alert;

describe("facets", () => {
  it("count values, the commonest first", () => {
    const all = [alert({ resource: "b" }), alert({ resource: "a" }), alert({ resource: "b" })];
    expect(facets(all, (each) => each.resource)).toEqual([{ value: "b", n: 2 }, { value: "a", n: 1 }]);
    expect(facets(all, (each) => each.service)).toEqual([]);
  });
});

describe("views of firing alerts", () => {
  const quiet = alert({ id: "q", quiet: [{ reason: "silenced", by: "s", since: "", until: null, detail: "" }] });
  const acknowledged = alert({ id: "k", acknowledged_at: "2026-11-20T10:00:00Z" });
  it("part the quiet from those that call someone", () => {
    expect(inView([quiet, acknowledged, alert({})], "quiet").map((each) => each.id)).toEqual(["q"]);
    expect(inView([quiet, acknowledged, alert({})], "unacknowledged").map((each) => each.id)).toEqual(["a"]);
    expect(inView([quiet, acknowledged], undefined)).toHaveLength(2);
  });
  it("let only firing ones be acknowledged, once", () => {
    expect(acknowledgeable([acknowledged, alert({ id: "r", state: "resolved" }), alert({})]).map((each) => each.id)).toEqual(["a"]);
  });
});

describe("a silence begun from an alert", () => {
  it("matches its check on its resource", () => {
    expect(matchersFor(alert({ check: "disk" })).map((each) => [each.name, each.value])).toEqual([["resource", "host-1"], ["check", "disk"]]);
  });
  it("matches the fingerprint of an alert without a check", () => {
    expect(matchersFor(alert({})).map((each) => [each.name, each.value])).toEqual([["fingerprint", "f1"]]);
  });
});
