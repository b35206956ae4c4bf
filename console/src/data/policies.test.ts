import { describe, expect, it } from "vitest";

import { unreadable } from "./policies";

describe("a text that is no YAML", () => {
  it("has its fault at its place", () => {
    expect(unreadable({ code: "manifest.malformed", detail: "line 6, column 32: expected ',' or ']'" })).toEqual([{ code: "manifest.malformed", line: 6, column: 32, detail: "This is not valid YAML: expected ',' or ']'" }]);
    expect(unreadable({ code: "access.denied", detail: "manifest:write in default" })).toEqual([]);
  });
});
