import { describe, expect, it } from "vitest";

import { tokens } from "./json";

describe("tokens", () => {
  it("tells keys, strings and numbers apart and loses nothing", () => {
    const value = { a: "x: 1", n: -1.5e3, deep: [true, null, "<b>"] };
    const all = tokens(value);
    expect(all.map((token) => token.text).join("")).toBe(JSON.stringify(value, null, 2));
    expect(all.filter((token) => token.kind === "k").map((token) => token.text)).toEqual(['"a"', '"n"', '"deep"']);
    expect(all.filter((token) => token.kind === "n").map((token) => token.text)).toEqual(["-1500", "true", "null"]);
  });
  it("shows nothing as null", () => {
    expect(tokens(undefined)).toEqual([{ kind: "n", text: "null" }]);
  });
});
