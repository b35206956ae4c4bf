import { describe, expect, it } from "vitest";

import { changeOf, patched } from "./live";

describe("changeOf", () => {
  it("reads the entity that a fact carries", () => {
    expect(changeOf({ type: "oncue.alert.fired", subject: "A1", data: { id: "A1", title: "x" } }))
      .toEqual({ resource: "alerts", id: "A1", entity: { id: "A1", title: "x" } });
  });
  it("takes no entity from a fact that carries another thing", () => {
    expect(changeOf({ type: "oncue.incident.commented", subject: "INC-1", data: { id: "INC-1", text: "hi" } })?.entity).toBeNull();
    expect(changeOf({ type: "oncue.step.failed", subject: "r1", data: { id: "r1" } })).toEqual({ resource: "runs", id: "r1", entity: null });
  });
  it("leaves out what no list shows", () => {
    expect(changeOf({ type: "net.lacp.flap", subject: "x" })).toBeNull();
    expect(changeOf({ type: "oncue.audit.signed_in", subject: "x" })).toBeNull();
    expect(changeOf({ type: "oncue.alert.fired" })).toBeNull();
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
