import { describe, expect, it } from "vitest";

import { toYaml } from "./yaml";

describe("toYaml", () => {
  it("writes nested maps and lists in block style", () => {
    expect(toYaml({ kind: "Policy", spec: { match: { types: ["host.*"] }, respond: [{ run: { workflow: "a" } }, { ticket: {} }] } })).toBe(
      'kind: Policy\nspec:\n  match:\n    types:\n      - "host.*"\n  respond:\n    - run:\n        workflow: a\n    - ticket: {}\n',
    );
  });
  it("quotes what YAML would read as something else", () => {
    expect(toYaml({ a: "no", b: "5m", c: "x: y", d: "", e: true, f: "plain words" })).toBe('a: "no"\nb: "5m"\nc: "x: y"\nd: ""\ne: true\nf: plain words\n');
  });
  it("keeps lines of long texts", () => {
    expect(toYaml({ text: "one\ntwo\n" })).toBe("text: |\n  one\n  two\n");
  });
});
