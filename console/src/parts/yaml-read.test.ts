import { describe, expect, it } from "vitest";

import { readYaml } from "./yaml-read";
import { toYaml } from "./yaml";

describe("YAML as it is read", () => {
  it("is what it says, in blocks and in one line, with comments passed over", () => {
    const text = "spec:\n  # first\n  steps:\n    - id: a   # so\n      uses: \"http.request\"\n      with: {url: 'http://x/${a}', n: 3, sure: true, l: [a, \"b\"]}\n    - {id: b, wait: {for: 5m}}\n    -\n      id: c\n      note: |\n        two\n        lines\n";
    expect(readYaml(text)).toEqual({ spec: { steps: [
      { id: "a", uses: "http.request", with: { url: "http://x/${a}", n: 3, sure: true, l: ["a", "b"] } }, { id: "b", wait: { for: "5m" } }, { id: "c", note: "two\nlines" },
    ] } });
  });
  it("gives back what was written by the console itself", () => {
    const value = { apiVersion: "oncue/v1", kind: "Workflow", spec: { timeout: "1h", steps: [{ id: "a", if: "1 < 2 && true", with: { text: "a: b" } }] } };
    expect(readYaml(toYaml(value))).toEqual(value);
  });
  it("is as much as there is while one types", () => {
    expect(readYaml("spec:\n  steps:\n    - id: a\n      uses:\n    - id: b\n      us")).toMatchObject({ spec: { steps: [{ id: "a", uses: null }, { id: "b" }] } });
    expect(readYaml("spec: {steps: [{id: a, uses: \"x\"}, {id: b, ")).toMatchObject({ spec: { steps: [{ id: "a", uses: "x" }, {}] } });
    expect(readYaml("")).toBeUndefined();
  });
});
