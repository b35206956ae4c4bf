import { describe, expect, it } from "vitest";

import { flowOf } from "../../parts/flow";
import { inputFields, shownAs, typedAs } from "./action-inputs";
import { all } from "./step-edit";
import { FORMS, freshId, inputsOf, membersOf, newStep, wishOf } from "./step-forms";

const ACTION = {
  name: "ssh.command",
  inputs: {
    $ref: "#/$defs/Inputs",
    $defs: {
      Inputs: {
        type: "object", required: ["host", "argv"],
        properties: {
          port: { type: "integer", minimum: 1, default: 22 }, host: { type: "string" }, argv: { type: "array", items: { type: "string" } },
          class: { anyOf: [{ enum: ["pure", "idempotent"] }, { type: "null" }], default: null }, check: { anyOf: [{ $ref: "#/$defs/Check" }, { type: "null" }], default: null },
        },
      },
      Check: { type: "object", properties: {} },
    },
  },
};

describe("a new step", () => {
  it.each(FORMS.map((one) => [one.form]))("%s has the form that was asked for, and ids that are new", (form) => {
    const taken = new Set(["first", "one", "this", "attempt"]);
    const made = newStep(form, freshId(wishOf(form, ACTION), taken), { action: ACTION, taken, owner: "team:basis" });
    const [step] = flowOf([made]);
    expect(step?.form).toBe(form);
    const ids = all(step ? [step] : []).map((each) => each.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => taken.has(id) || !/^[a-z][a-z0-9_]*$/.test(id))).toEqual([]);
  });
  it("has what its action needs, to be filled in", () => {
    expect(newStep("uses", "run", { action: ACTION, taken: new Set(), owner: "" })).toEqual({ id: "run", uses: "ssh.command", with: { host: "", argv: [] } });
  });
  it("asks the owner, where that is one who can be asked", () => {
    const by = (owner: string): unknown => newStep("approvals", "ask", { action: null, taken: new Set(), owner })["approvals"];
    expect([by("team:basis"), by("the people on call")]).toEqual([[{ by: ["team:basis"] }], [{ by: ["team:operators"] }]]);
  });
});

it.each([["http.request", "http_request"], ["Größe 2", "gr_e_2"], ["", "step"], ["taken", "taken_3"]])("the id made of %j is %s", (wish, id) => {
  expect(freshId(wish, new Set(["taken", "taken_2"]))).toBe(id);
});

describe("the inputs of an action", () => {
  it("are fields by their schema, those that are needed first", () => {
    expect(inputFields(ACTION.inputs).map((field) => [field.name, field.kind, field.required, field.hint])).toEqual([
      ["host", "text", true, ""], ["argv", "lines", true, "one a line"], ["port", "value", false, "a whole number; 22 if not given"], ["class", "choice", false, ""], ["check", "value", false, "YAML"],
    ]);
  });
  it("are shown where they are needed or given, and also those that the action does not know", () => {
    const { shown, others } = inputsOf(ACTION, { with: { port: 23, old: "x" } });
    expect([shown.map((one) => one.label), others.map((one) => one.label)]).toEqual([["host", "argv", "port", "old"], ["class", "check"]]);
  });
  it.each<[Parameters<typeof typedAs>[0], unknown, string]>([
    ["text", "a: b", "a: b"], ["lines", ["df", "-h"], "df\n-h"], ["lines", "${inputs.argv}", "${inputs.argv}"], ["value", 23, "23"], ["value", "${inputs.port}", "${inputs.port}"],
    ["value", { a: [1, true] }, "{ a: [ 1, true ] }"], ["choice", false, "false"],
  ])("%s: %j is shown as it is typed", (kind, value, text) => {
    expect(shownAs(kind, value)).toBe(text);
    expect(typedAs(kind, text)).toEqual({ value });
  });
  it("are taken out where nothing is typed, and refused where it is no YAML", () => {
    expect([typedAs("text", " "), "error" in typedAs("value", "{a: ")]).toEqual([{ value: undefined }, true]);
  });
});

it("asks of a wait what kind of wait it is", () => {
  const labels = (wait: object): string[] => membersOf("wait", { wait }).map((one) => one.label);
  expect([labels({ for: "5m" })[0], labels({ event: { types: ["a.b"] } })[0]]).toEqual(["For", "Types of the event"]);
});
