import { describe, expect, it } from "vitest";

import { cookie, problemOf, queryString } from "./http";

describe("queryString", () => {
  it("leaves out empty values and repeats lists", () => {
    expect(queryString({ q: "a b", state: ["open", "resolved"], cursor: null, service: "", limit: 5 })).toBe("?q=a+b&state=open&state=resolved&limit=5");
    expect(queryString({})).toBe("");
  });
});

describe("cookie", () => {
  it("finds one by its whole name", () => {
    expect(cookie("a=1; oncue_csrf=x%3D; oncue_csrf2=y", "oncue_csrf")).toBe("x=");
    expect(cookie("", "oncue_csrf")).toBeNull();
  });
});

describe("problemOf", () => {
  it("reads a problem document", () => {
    expect(problemOf(409, { code: "request.conflict", title: "Changed", detail: "d", hint: "h" }, null))
      .toMatchObject({ code: "request.conflict", title: "Changed", status: 409, detail: "d", hint: "h" });
  });
  it("stands an answer that is none of ours", () => {
    expect(problemOf(502, undefined, "7")).toMatchObject({ code: "http.502", status: 502, retryAfterS: 7 });
    expect(problemOf(500, ["odd"], "soon").retryAfterS).toBeNull();
  });
});
