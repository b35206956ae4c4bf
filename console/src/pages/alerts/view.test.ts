import { describe, expect, it } from "vitest";

import type { Alert } from "../../data/types";
import { acknowledgeable, inView, matchersFor, filterOf, hiddenFrom, labelsIn, linksOf, matchersOf } from "./view";

const alert = (fields: Partial<Alert>): Alert =>
  ({ id: "a", state: "firing", quiet: [], resource: "host-1", check: null, fingerprint: "f1", service: null, ...fields }) as Alert;

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

describe("links that policies gave", () => {
  it("are shown once each, and only if they lead to the web", () => {
    const link = (url: string) => ({ title: "t", url, by: "default/p@1" });
    const all = [alert({ links: [link("https://a.example"), link("javascript:alert(1)")] }), alert({ links: [link("https://a.example"), link("http://b.example")] })];
    expect(linksOf(all).map((each) => each.url)).toEqual(["https://a.example", "http://b.example"]);
    expect(linksOf([{}])).toEqual([]);
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

describe("what a filter means for many alerts at once", () => {
  it("is what the address narrows, in the state that is shown", () => {
    expect(filterOf({ severity: "minor", q: "disk" }, "firing", undefined)).toEqual({ severity: ["minor"], q: "disk", state: ["firing"] });
  });
  it("nothing is meant where it would be everything, or more than the list shows", () => {
    expect(filterOf({}, "firing", undefined)).toBeNull();
    expect(filterOf({ state: "unacknowledged", severity: "minor" }, "firing", undefined)).toBeNull();
    expect(filterOf({ quiet: "1", severity: "minor" }, "firing", undefined)).toBeNull();
  });
  it("a silence takes over what it can name", () => {
    expect(matchersOf({ resource: "h-1", q: "disk" })).toEqual([{ name: "resource", value: "h-1", is_regex: false, is_equal: true }]);
  });
  it("columns that are not known are not hidden", () => {
    expect([...hiddenFrom("count,nonsense")]).toEqual(["count"]);
    expect(hiddenFrom(null).size).toBe(0);
  });
});

describe("labels as people write them", () => {
  it("are names and values with commas between, and a value may be empty", () => {
    expect(labelsIn("rack=r7, owner = a=b,gone=")).toEqual({ rack: "r7", owner: "a=b", gone: "" });
    expect(labelsIn(" ")).toEqual({});
  });
  it("are not guessed at", () => {
    expect(labelsIn("rack")).toBeNull();
    expect(labelsIn("=r7")).toBeNull();
  });
});
