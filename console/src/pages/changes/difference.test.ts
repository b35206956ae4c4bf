import { describe, expect, it } from "vitest";

import type { Change, PlanDifference } from "../../data/types";
import { editedOf, localOf, toldOf, typedOf, wantedOf } from "./difference";

type Difference = PlanDifference["differences"][number];
const difference = (part: string, what: Difference["what"], name: string | null, before?: unknown, after?: unknown, agreed = true): Difference => ({ part, what, name, before, after, agreed });

describe("what differs between two plans", () => {
  it("has targets together, whatever their number", () => {
    const many = Array.from({ length: 9 }, (_, at) => difference("targets", "added", `web-${String(at)}`));
    expect(toldOf([...many, difference("targets", "removed", "db-1")])).toEqual([
      { term: "Targets", agreed: true, lines: [{ name: "", was: "", now: "web-0, web-1, web-2, web-3, web-4, web-5 and 3 more" }, { name: "", was: "db-1", now: "" }] },
    ]);
  });
  it("has of a step the members that differ, by their path", () => {
    const [was, now] = [{ id: "patch", uses: "ssh.command", with: { argv: ["a"], host: "x" } }, { id: "patch", uses: "ssh.command", with: { argv: ["b", "c"], host: "x" }, irreversible: true }];
    expect(toldOf([difference("steps", "changed", "patch", was, now), difference("steps", "added", "check", null, now)])).toEqual([
      { term: "Steps", agreed: true, lines: [{ name: "patch.with.argv", was: "a", now: "b, c" }, { name: "patch.irreversible", was: "nothing", now: "true" }, { name: "check", was: "", now: "ssh.command" }] },
    ]);
  });
  it("calls terms as people do, and says what is beside the plan", () => {
    expect(toldOf([difference("not_before", "changed", null, null, "2027-01-01T00:00:00Z"), difference("reason", "changed", null, "A", "B", false)])).toEqual([
      { term: "Not before", agreed: true, lines: [{ name: "", was: "nothing", now: "2027-01-01T00:00:00Z" }] },
      { term: "Reason", agreed: false, lines: [{ name: "", was: "A", now: "B" }] },
    ]);
  });
});

const spec = { description: "Patch", steps: [{ id: "patch", uses: "ssh.command" }], targets: { names: ["web-1", "web-2"] } };
const change = {
  id: "CHG-1", title: "Patch", reason: "A hole", template: "patch", spec, wanted: ["web-1"], inputs: { version: "1" }, not_before: "2027-01-01T10:00:00Z", deadline_at: null,
} as unknown as Change;

describe("an edit", () => {
  it("begins with what the change has, and then differs in nothing", () => {
    const typed = typedOf(change);
    expect(typed).toEqual({ title: "", reason: "A hole", targets: ["web-1"], startAt: localOf("2027-01-01T10:00:00Z"), deadline: "" });
    expect(editedOf(change, typed, { version: "1" }, spec)).toEqual([]);
    expect(typedOf({ ...change, title: "Kernel" }).title).toBe("Kernel");
  });
  it("says what it makes otherwise, and what of that is part of the plan", () => {
    const told = editedOf(change, { title: " Kernel ", reason: "Two holes", targets: [], startAt: "", deadline: "" }, { version: "2", mode: "quick" }, spec);
    expect(told.map(({ term, agreed }) => [term, agreed])).toEqual([["Title", true], ["Reason", false], ["Targets", true], ["Inputs", true], ["Not before", true]]);
    expect(told[2]?.lines).toEqual([{ name: "", was: "web-1", now: "all that fit" }]);
    expect(told[3]?.lines).toEqual([{ name: "version", was: "1", now: "2" }, { name: "mode", was: "nothing", now: "quick" }]);
  });
  it("says what the template has otherwise by now", () => {
    const now = { ...spec, steps: [{ id: "patch", uses: "ssh.script" }], bake: "1h" };
    expect(editedOf(change, typedOf(change), { version: "1" }, now)).toEqual([
      { term: "Steps", agreed: true, lines: [{ name: "patch.uses", was: "ssh.command", now: "ssh.script" }] },
      { term: "Must stay well", agreed: true, lines: [{ name: "", was: "nothing", now: "1h at the end" }] },
    ]);
  });
  it("takes what is empty for what is left out", () => {
    const was = { ...change, spec: { ...spec, steps: [{ id: "patch", uses: "ssh.command", retry: {} }] } };
    expect(editedOf(was, typedOf(was), { version: "1" }, spec)).toEqual([]);
  });
  it("is sent without what is empty", () => {
    expect(wantedOf({ title: " ", reason: " A ", targets: ["x"], startAt: "", deadline: localOf("2027-01-01T10:00:00Z") }, {})).toEqual({ reason: "A", with: {}, targets: ["x"], deadline: "2027-01-01T10:00:00.000Z" });
  });
});
