import { describe, expect, it } from "vitest";

import { namesAt, type Names } from "./names";
import { spotAt } from "./schema";

const NAMES: Names = {
  actions: [
    { name: "http.request", summary: "Calls an address", inputs: { type: "object", properties: { url: { type: "string" }, method: { enum: ["GET", "POST"] }, tls: { $ref: "#/$defs/Tls" } }, required: ["url"], $defs: { Tls: { properties: { verify: { type: "boolean" } } } } } },
    { name: "event.emit", summary: "Says that something happened", inputs: { properties: { type: { type: "string" } } } },
  ],
  workflows: [{ name: "look-after", summary: "Looks after a host", inputs: { properties: { host: { type: "string" }, mode: { enum: ["quick", "thorough"] } } } }],
};
const HEAD = `kind: Workflow
spec:
  inputs:
    properties: {host: {type: string}, depth: {type: integer}}
  steps:
    - {id: first, uses: event.emit, with: {type: a.b}}
    - id: both
      parallel:
        - {id: left, set: {a: "1"}}
`;
const TAIL = `
    - id: last
      uses: event.emit
`;

/** What is offered at `|` in a step between others. */
function labels(step: string, tail = TAIL): string[] | null {
  const marked = `${HEAD}${step}${tail}`;
  const offset = marked.indexOf("|");
  const text = marked.replace("|", "");
  return namesAt(text, offset, spotAt(text, offset), NAMES)?.offers.map((offer) => offer.label) ?? null;
}

describe("names that are offered", () => {
  it.each([
    ["actions after uses", "    - id: it\n      uses: |", ["http.request", "event.emit"]],
    ["actions after uses, in braces", "    - {id: it, uses: ht|", ["http.request", "event.emit"]],
    ["an action's inputs under with", "    - id: it\n      uses: http.request\n      with:\n        |", ["url", "method", "tls"]],
    ["an action's inputs where with stands first", "    - id: it\n      with:\n        me|\n      uses: http.request", ["url", "method", "tls"]],
    ["an action's inputs in braces that are open", "    - id: it\n      uses: http.request\n      with: {url: \"https://${inputs.host}/\", |", ["url", "method", "tls"]],
    ["an action's inputs in a step in braces", "    - {id: it, uses: http.request, with: {|}}", ["url", "method", "tls"]],
    ["the values of an input", "    - id: it\n      uses: http.request\n      with:\n        method: |", ["GET", "POST"]],
    ["the values of an input, in braces", "    - id: it\n      uses: http.request\n      with: {method: G|}", ["GET", "POST"]],
    ["what lies in an input", "    - id: it\n      uses: http.request\n      with:\n        tls:\n          |", ["verify"]],
    ["what undoes a step takes", "    - id: it\n      uses: event.emit\n      rollback:\n        uses: http.request\n        with: {|", ["url", "method", "tls"]],
    ["workflows that a step runs", "    - {id: it, run: {workflow: |", ["look-after"]],
    ["what that workflow takes", "    - id: it\n      run:\n        workflow: look-after\n        with: {|", ["host", "mode"]],
    ["what a trigger gives to its own workflow", "  triggers:\n    - id: nightly\n      schedule: {cron: \"0 3 * * *\"}\n      with: {|", ["host", "depth"], ""],
    ["steps in a condition, also those that follow", "    - id: it\n      if: \"steps.|", ["first", "both", "left", "it", "last"]],
    ["steps within a text", "    - id: it\n      uses: http.request\n      with: {url: \"https://${steps.fi|}/\"}", ["first", "both", "left", "it", "last"]],
    ["the workflow's inputs", "    - id: it\n      if: inputs.|", ["host", "depth"]],
    ["the workflow's inputs in longer text", "    - id: it\n      if: |-\n        has(inputs.d|)".replace("|-", ">-"), ["host", "depth"]],
  ])("are %s", (_, step, wanted, tail = TAIL) => {
    expect(labels(step, tail)).toEqual(wanted);
  });
  it.each([
    ["of another's parts", "    - id: it\n      if: run.steps.|"],
    ["in a comment", "    # as in steps.|"],
    ["of an action that nobody knows", "    - id: it\n      uses: no.such\n      with:\n        |"],
    ["where other keys stand", "    - id: it\n      |"],
  ])("are none %s", (_, step) => {
    expect(labels(step)).toBeNull();
  });
  it("replace the last word of an expression alone", () => {
    const text = "spec:\n  steps:\n    - {id: look, if: \"steps.lo";
    expect(namesAt(text, text.length, spotAt(text, text.length), NAMES)).toMatchObject({ from: text.length - 2, offers: [{ label: "look", apply: "look" }] });
  });
});
