import { describe, expect, it } from "vitest";

import { described, offers, spotAt, type Schema } from "./schema";

const SCHEMA: Schema = {
  type: "object",
  properties: { kind: { const: "Policy" }, metadata: { $ref: "#/$defs/Metadata" }, spec: { $ref: "#/$defs/Spec" } },
  $defs: {
    Metadata: { properties: { name: { type: "string", description: "What it is called" } }, required: ["name"] },
    Spec: {
      properties: {
        mode: { enum: ["active", "observe"], default: "active", description: "Whether it acts" },
        match: { allOf: [{ $ref: "#/$defs/Match" }], description: "Which events" },
        respond: { type: "array", items: { properties: { run: { anyOf: [{ $ref: "#/$defs/Run" }, { type: "null" }] }, ticket: { type: "object" } } } },
      },
    },
    Match: { properties: { types: { type: "array", items: { type: "string" } }, severities: { type: "array", items: { enum: ["minor", "major"] } } } },
    Run: { properties: { workflow: { type: "string" }, with: { type: "object", additionalProperties: true } } },
  },
};

/** The spot at `|` in the text. */
const spot = (marked: string) => spotAt(marked.replace("|", ""), marked.indexOf("|"));
const labels = (marked: string) => offers(SCHEMA, spot(marked)).map((offer) => offer.label);

describe("what may be written where the cursor is", () => {
  it.each([
    ["|", ["kind", "metadata", "spec"]],
    ["kind: |", ["Policy"]],
    ["kind: Policy\nspec:\n  |", ["mode", "match", "respond"]],
    ["spec:\n  mo|", ["mode", "match", "respond"]],
    ["spec:\n  mode: |", ["active", "observe"]],
    ["spec:\n  match:\n    types: [a]\n    |", ["types", "severities"]],
    ["spec:\n  match: {types: [a.b], |", ["types", "severities"]],
    ["spec:\n  match: {types: [a.b], severities: [|", ["minor", "major"]],
    ["spec:\n  match:\n    severities: [minor, |", ["minor", "major"]],
    ["spec:\n  respond:\n    - |", ["run", "ticket"]],
    ["spec:\n  respond:\n  - run: {|", ["workflow", "with"]],
    ["spec:\n  respond:\n    - run:\n        |", ["workflow", "with"]],
    ["spec:\n  respond:\n    - run: {workflow: a}\n      |", ["run", "ticket"]],
    ["spec:\n  respond:\n    - {|", ["run", "ticket"]],
    ["spec:\n  respond:\n    - {ticket: {}, run: {|", ["workflow", "with"]],
    ["# a note\nspec:\n  mode: active\n\n  |", ["mode", "match", "respond"]],
    ["spec:\n  unknown:\n    |", []],
  ])("%s", (marked, wanted) => {
    expect(labels(marked)).toEqual(wanted);
  });
  it("the word that is replaced begins where it was begun", () => {
    expect(spot("spec:\n  mod|")).toMatchObject({ path: ["spec"], at: "key", word: "mod", from: 8 });
  });
});

describe("what a key means", () => {
  it("is the schema's description, its kind and its default", () => {
    expect(described(SCHEMA, ["spec"], "mode")).toEqual({ detail: 'active | observe, "active" if not given', info: "Whether it acts" });
    expect(described(SCHEMA, ["spec"], "nothing")).toBeNull();
  });
});
