import { describe, expect, it } from "vitest";

import { editedBy, isTaken } from "./configuration";

type Proposed = Parameters<typeof editedBy>[0];
const at = { kind: "Policy", namespace: "production", name: "stalled" };
const applied = (spec: unknown, text?: string): Proposed["edit"] => ({ op: "apply", ...at, spec, ...(text === undefined ? {} : { text }) });
const gone: Proposed["edit"] = { op: "delete", ...at };

describe("what a change of configuration does to a manifest", () => {
  it("creates what was not there, and deletes what is not to be", () => {
    const created = editedBy({ edit: applied({ mode: "observe" }), back: gone });
    expect([created.id, created.is, created.before]).toEqual(["Policy/production/stalled", "created", ""]);
    expect(created.after).toContain("mode: observe");
    const deleted = editedBy({ edit: gone, back: applied({ mode: "observe" }, "# why\nkind: Policy") });
    expect([deleted.is, deleted.before, deleted.after]).toEqual(["deleted", "# why\nkind: Policy", ""]);
  });
  it("compares texts as they were written where both are kept", () => {
    const edited = editedBy({ edit: applied({ mode: "active" }, "# two\n"), back: applied({ mode: "observe" }, "# one\n") });
    expect(edited).toMatchObject({ is: "updated", before: "# one\n", after: "# two\n" });
  });
  it("compares what they say where one has no text of its own", () => {
    const edited = editedBy({ edit: applied({ mode: "active" }), back: applied({ mode: "observe" }, "# one\n") });
    expect(edited.before).toBe(edited.after.replace("active", "observe"));
  });
});

describe("the way back", () => {
  const configuration = [{ edit: applied({}), back: gone }];
  it("is there once the manifests were taken", () => {
    expect(isTaken({ configuration, close_code: "successful" })).toBe(true);
    expect(isTaken({ configuration, close_code: "unsuccessful" })).toBe(false);
    expect(isTaken({ configuration, close_code: null })).toBe(false);
  });
  it("is not there for a change of other things", () => {
    expect(isTaken({ configuration: [], close_code: "successful" })).toBe(false);
  });
});
