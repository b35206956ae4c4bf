import { describe, expect, it } from "vitest";

import { fieldsOf, hint, initial, optionLabel, read, refusedField } from "./form";

const SCHEMA = {
  type: "object",
  required: ["host", "level", "sure"],
  properties: {
    host: { type: "string", title: "Host", description: "Where to look", pattern: "^[a-z0-9-]+$" },
    level: { enum: ["low", "high", 3] },
    tries: { type: "integer", minimum: 1, maximum: 5, default: 2 },
    ratio: { type: "number" },
    sure: { type: "boolean" },
    loud: { type: "boolean" },
    names: { type: "array", items: { type: "string" } },
    more: { type: "object" },
  },
};
const FIELDS = fieldsOf(SCHEMA);

describe("the form of a workflow", () => {
  it("takes a field of its own kind from each property", () => {
    expect(FIELDS.map((field) => [field.name, field.kind, field.required])).toEqual([
      ["host", "text", true], ["level", "choice", true], ["tries", "number", false], ["ratio", "number", false],
      ["sure", "switch", true], ["loud", "choice", false], ["names", "lines", false], ["more", "json", false],
    ]);
  });
  it("has no field for a workflow without inputs, or with a schema of another shape", () => {
    for (const schema of [undefined, {}, { type: "object" }, { properties: [] }, "object"]) expect(fieldsOf(schema)).toEqual([]);
  });
  it("starts from the defaults", () => {
    expect(initial(FIELDS)).toEqual({ host: "", level: "", tries: "2", ratio: "", sure: "false", loud: "", names: "", more: "" });
  });
  it("starts from what a run was given, where it is run anew", () => {
    expect(initial(FIELDS, { host: "erp-1", level: 3, sure: true, names: ["a", "b"], gone: 1 })).toMatchObject({ host: "erp-1", level: "2", tries: "2", sure: "true", names: "a\nb" });
  });
  it("reads typed values, and leaves out what is empty and need not be filled", () => {
    const typed = { ...initial(FIELDS), host: "erp-1", level: "2", tries: "3", names: "a\n\n b ", more: '{"a": [1]}', loud: "1" };
    expect(read(FIELDS, typed)).toEqual({ inputs: { host: "erp-1", level: 3, tries: 3, sure: false, loud: false, names: ["a", "b"], more: { a: [1] } }, errors: {} });
  });
  it("says at each field what is wrong with it", () => {
    const { errors } = read(FIELDS, { ...initial(FIELDS), host: "ERP 1", tries: "1.5", ratio: "much", more: "[1]" });
    expect(errors).toEqual({ host: "Must fit ^[a-z0-9-]+$", level: "Choose one", tries: "Must be a whole number", ratio: "Not a number", more: "Must be a JSON object" });
    expect(read(FIELDS, { ...initial(FIELDS), tries: "9" }).errors["tries"]).toBe("At most 5");
    expect(read(FIELDS, { ...initial(FIELDS), more: "{" }).errors["more"]).toMatch(/^Not JSON: /);
    expect(read(FIELDS, initial(FIELDS)).errors["host"]).toBe("Fill this in");
  });
  it("holds what was typed to the bounds that the server checks", () => {
    const bounded = fieldsOf({
      properties: {
        ratio: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
        names: { type: "array", items: { type: "string" }, minItems: 2, maxItems: 3 },
        mark: { type: "string", minLength: 2, maxLength: 3 },
      },
    });
    const said = (typed: Record<string, string>) => read(bounded, { ...initial(bounded), ...typed }).errors;
    expect(said({ ratio: "0" })).toEqual({ ratio: "More than 0" });
    expect(said({ ratio: "1" })).toEqual({ ratio: "Less than 1" });
    expect(said({ names: "a" })).toEqual({ names: "At least 2 lines" });
    expect(said({ names: "a\nb\nc\nd" })).toEqual({ names: "At most 3 lines" });
    expect(said({ mark: "\u{1F514}" })).toEqual({ mark: "At least 2 characters" });
    expect(said({ ratio: "0.5", names: "a\nb", mark: "\u{1F514}\u{1F514}\u{1F514}" })).toEqual({});
  });
  it("has dates and instants from the browser's own fields, and gives instants with their offset", () => {
    const fields = fieldsOf({ properties: { day: { type: "string", format: "date" }, at: { type: "string", format: "date-time" } } });
    expect(fields.map((field) => field.kind)).toEqual(["date", "instant"]);
    const given = initial(fields, { day: "2026-11-20", at: "2026-11-20T10:00:00Z" });
    expect(given["at"]).toMatch(/^2026-11-\d\dT\d\d:00$/);
    expect(read(fields, given).inputs).toEqual({ day: "2026-11-20", at: "2026-11-20T10:00:00Z" });
    expect(initial(fields, { at: "soon" })["at"]).toBe("");
    expect(read(fields, { day: "2026-11-20", at: "soon" }).errors).toEqual({ at: "Not a date and a time" });
  });
  it("finds the field that the server refused", () => {
    expect(refusedField("host must be of type string, not integer", FIELDS)).toEqual({ name: "host", error: "Must be of type string, not integer" });
    expect(refusedField("nothing is known of it", FIELDS)).toBeNull();
  });
  it("says what a field takes", () => {
    expect(FIELDS.map(hint)).toEqual(["Where to look", "", "A whole number, 1 to 5", "", "", "", "One a line", "JSON object"]);
    expect(FIELDS.filter((field) => field.name === "level").flatMap((field) => field.options.map((option) => optionLabel(field, option)))).toEqual(["low", "high", "3"]);
  });
  it("has an empty field for what must not be written down, also where a run is run anew", () => {
    const fields = fieldsOf({
      required: ["password"],
      properties: { password: { type: "string", writeOnly: true, minLength: 8 }, token: { type: "string", writeOnly: true, default: "secret://token" } },
    });
    expect(fields.map((field) => [field.kind, field.required])).toEqual([["hidden", true], ["hidden", false]]);
    const given = initial(fields, { password: "secret://run/0a/password", token: "secret://token" });
    expect(given).toEqual({ password: "", token: "" });
    expect(read(fields, given)).toEqual({ inputs: {}, errors: { password: "Fill this in" } });
    expect(read(fields, { ...given, password: "short" }).errors).toEqual({ password: "At least 8 characters" });
    expect(read(fields, { ...given, password: " long enough " }).inputs).toEqual({ password: " long enough " });
    expect(fields.map((field) => hint({ ...field, description: "Not the old one." }))[0]).toBe("Not the old one. Kept encrypted until the run is over");
    expect(fields.map(hint)).toEqual(["Kept encrypted until the run is over", "Kept encrypted until the run is over; left empty, the workflow has one of its own"]);
  });
});
