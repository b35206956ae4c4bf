import { describe, expect, it } from "vitest";

import { concealed, tokens } from "./json";

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

describe("what must not be written down", () => {
  it("is said to be hidden, however deep it lies, and all else stays", () => {
    const value = { password: "secret://run/0a/password", with: [{ secret: "secret://run/0a/password", host: "db-1" }], token: "secret://mail", n: 1, none: null };
    expect(concealed(value)).toEqual({ password: "(hidden)", with: [{ secret: "(hidden)", host: "db-1" }], token: "secret://mail", n: 1, none: null });
  });
});
