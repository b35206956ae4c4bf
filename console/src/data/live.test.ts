import { describe, expect, it } from "vitest";

import { changeOf, patched } from "./live";

describe("changeOf", () => {
  it("reads the entity that a fact carries", () => {
    expect(changeOf({ kind: "alert", id: "A1", event: { data: { id: "A1", title: "x", incident: "INC-1" } } }))
      .toEqual({ resource: "alerts", id: "A1", entity: { id: "A1", title: "x", incident: "INC-1" }, request: null, shownBy: [["incidents", "INC-1"]] });
  });
  it("does not take a membership or a comment for an incident", () => {
    expect(changeOf({ kind: "membership", id: "INC-1/A1", event: { data: { id: "INC-1/A1", incident: "INC-1", alert: "A1" } } }))
      .toEqual({ resource: null, id: "INC-1/A1", entity: null, request: null, shownBy: [["incidents", "INC-1"], ["alerts", "A1"]] });
    expect(changeOf({ kind: "comment", id: "C1", event: { data: { id: "C1", on_kind: "incident", on_id: "INC-1" } } })?.shownBy).toEqual([["incidents", "INC-1"]]);
  });
  it("knows what shows a run that was asked for, or started by a schedule", () => {
    const run = (trigger: unknown) => changeOf({ kind: "run", id: "run-1", event: { data: { id: "run-1", state: "running", trigger } } });
    expect(run({ kind: "request", request: "REQ-7" })).toMatchObject({
      shownBy: [["requests", "REQ-7"]], request: { id: "REQ-7", outcome: { id: "run-1", state: "running", reason: null, outputs: {}, ended_at: null } },
    });
    expect(run({ kind: "schedule", trigger: "nightly" })).toMatchObject({ shownBy: [["schedules", ""]], request: null });
    expect(run({ kind: "manual" })).toMatchObject({ shownBy: [], request: null });
  });
  it("takes no entity from a decision", () => {
    expect(changeOf({ kind: "policy", id: "default/a", event: { data: { id: "default/a", alert: "A1" } } })).toMatchObject({ resource: "policies", entity: null });
  });
  it("leaves out what is about nothing", () => {
    expect(changeOf({ kind: "", id: "1" })).toBeNull();
    expect(changeOf({})).toBeNull();
  });
});

describe("patched", () => {
  const pages = { pageParams: [null], pages: [{ items: [{ id: "a", n: 1 }, { id: "b", n: 1 }], next: null }] };
  it("writes the new state over the old one in its place", () => {
    expect(patched(pages, { id: "b", n: 2 })?.pages[0]?.items).toEqual([{ id: "a", n: 1 }, { id: "b", n: 2 }]);
    expect(pages.pages[0]?.items[1]).toEqual({ id: "b", n: 1 });
  });
  it("says when the list does not hold it", () => {
    expect(patched(pages, { id: "c", n: 2 })).toBeNull();
  });
});
