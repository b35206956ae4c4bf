import { describe as group, expect, it } from "vitest";

import { describe, stepsOf, takes } from "./view";

const spec = {
  description: "Looks at a host",
  inputs: { required: ["host"], properties: { host: { type: "string" }, depth: { type: "integer" } } },
  steps: [{ id: "look", uses: "http.request", retry: { attempts: 3 }, timeout: "10s", on_failure: "continue" }, { id: "tell", uses: "incident.comment", if: "steps.look.state == 'failed'" }],
};

group("a workflow in words", () => {
  it("lists its steps with what bounds them", () => {
    expect(stepsOf({ spec })).toEqual([
      { id: "look", uses: "http.request", notes: ["up to 3 attempts", "at most 10s", "the run goes on if it fails"] },
      { id: "tell", uses: "incident.comment", notes: ["if steps.look.state == 'failed'"] },
    ]);
    expect(stepsOf({ spec: {} })).toEqual([]);
  });
  it("says what it takes", () => {
    expect(takes({ spec })).toBe("takes host, depth (optional)");
    expect(takes({ spec: {} })).toBe("takes no inputs");
  });
  it("has the description of its metadata, or else of its spec", () => {
    expect(describe({ spec, description: null })).toBe("Looks at a host");
    expect(describe({ spec, description: "Mine" })).toBe("Mine");
  });
});
