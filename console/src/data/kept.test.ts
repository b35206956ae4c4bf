import { describe, expect, it } from "vitest";

import { forget, keep, keptOf } from "./kept";

function store(): Storage {
  const held = new Map<string, string>();
  return { getItem: (name) => held.get(name) ?? null, setItem: (name, value) => void held.set(name, value), removeItem: (name) => void held.delete(name), clear: () => held.clear(), key: () => null, length: 0 };
}

describe("text that was not saved", () => {
  it("is offered where it was written, to who wrote it, until it is forgotten", () => {
    const kept = { by: "basis-1", text: "spec: {}\n# more", at: "2026-11-20T10:00:00Z" };
    const tab = store();
    keep("/workflows/new default", kept, tab);
    expect(keptOf("/workflows/new default", "basis-1", "spec: {}", tab)).toEqual(kept);
    expect(keptOf("/workflows/new default", "basis-2", "spec: {}", tab)).toBeNull();
    expect(keptOf("/workflows/new other", "basis-1", "spec: {}", tab)).toBeNull();
    expect(keptOf("/workflows/new default", "basis-1", `${kept.text}\n`, tab)).toBeNull();
    forget("/workflows/new default", tab);
    expect(keptOf("/workflows/new default", "basis-1", "spec: {}", tab)).toBeNull();
  });
});
