import { describe, expect, it } from "vitest";

import { parseEvent, wouldDo } from "./trial";

describe("an event that is pasted", () => {
  it("is taken if it is an object with a type", () => {
    expect(parseEvent('{"type": "a.b"}')).toEqual({ event: { type: "a.b" } });
    expect(parseEvent("[]")).toHaveProperty("wrong");
    expect(parseEvent('{"severity": "minor"}')).toEqual({ wrong: "It needs a type" });
    expect(parseEvent("{")).toHaveProperty("wrong");
  });
});

describe("what would come of it", () => {
  it("is said line by line, and so is nothing", () => {
    const alert = { namespace: "default", title: "Full", severity: "minor", resource: "h-1", service: null, state: "firing", quiet: ["maintenance"] };
    expect(wouldDo({ alerts: [alert], notifications: [{ to: "mail", reason: "first", title: "Full" }], runs: ["look"], tickets: ["Look"] })).toEqual([
      "An alert: Full, minor, on h-1, quiet: maintenance", "A message to mail: Full", "A run of look", "A ticket: Look",
    ]);
    expect(wouldDo({ alerts: [], notifications: [], runs: [], tickets: [] })).toEqual(["Nothing: it is recorded, and no more"]);
  });
});
