import { describe, expect, it } from "vitest";

import type { LogLine, RunDetail, Step } from "../../data/types";
import { excerpt, fileOf, isOf, nothingOf, progressOf, scopeOf, tells, textOf } from "./log";

const line = (step: string, text: string, more: Partial<LogLine> = {}): LogLine => ({ sequence: 1, at: "2026-01-01T03:00:00.250Z", step, attempt: 1, stream: "", text, ...more });
const step = (more: Partial<Step>): Step => ({ id: "R/x", run: "R", namespace: "default", address: "copy", node: "copy", uses: "ssh.command", state: "running", ...more });
const run = (state: RunDetail["state"]): RunDetail => ({ id: "R1", namespace: "default", workflow: "move-data", version: "v", state, created_at: "", updated_at: "" });

describe("whose a line is", () => {
  it.each([
    ["copy", "copy", true],
    ["copy~validate[1]", "copy", true],
    ["hosts[h1]/copy", "hosts", true],
    ["hosts[h1]/copy", "hosts[h1]", true],
    ["hosts[h10]/copy", "hosts[h1]", false],
    ["copy_all", "copy", false],
    ["copy", "copy/inner", false],
  ])("of %s: is it of %s?", (told, address, expected) => {
    expect(isOf(line(told, ""), address)).toBe(expected);
  });
});

describe("an excerpt", () => {
  const lines = [line("copy", "Begun"), line("hosts[h1]/copy", "begun, too"), line("copy", "ended", { attempt: 2, stream: "err" })];
  it("is all of the run, or of a step, and says what tells the lines apart", () => {
    expect(excerpt(lines, null, "")).toMatchObject({ lines, mixed: true, tried: true, erred: true });
    expect(excerpt(lines, "copy", "")).toMatchObject({ lines: [lines[0], lines[2]], mixed: false, tried: true });
    expect(excerpt(lines, "hosts", "")).toMatchObject({ lines: [lines[1]], mixed: true, tried: false, erred: false });
  });
  it("has the words that are looked for, however they are written", () => {
    expect(excerpt(lines, null, " BEGUN ").lines).toEqual([lines[0], lines[1]]);
  });
});

describe("a step's place for lines", () => {
  it("is there for what acts, and for what holds something that told any", () => {
    expect(tells(step({}), [])).toBe(true);
    expect(["wait", "approval", "for_each", "item"].map((uses) => tells(step({ uses }), []))).toEqual([false, false, false, false]);
    expect(tells(step({ uses: "for_each" }), [line("copy[1]/inner", "x")])).toBe(true);
  });
  it("says of nothing whether more may come", () => {
    expect(nothingOf(run("running"), step({})).title).toBe("No line yet");
    expect(nothingOf(run("running"), step({ state: "succeeded" })).title).toBe("No lines");
    expect(nothingOf(run("failed"), null).title).toBe("No lines");
  });
});

it("shows how far the last attempt is, and nothing of an earlier one", () => {
  const said = [{ step: "copy", attempt: 2, at: "", done: 0.1, text: "" }, { step: "copy", attempt: 1, at: "", done: 0.9, text: "" }];
  expect(progressOf(said, step({ attempt: 2 }))?.done).toBe(0.1);
  expect(progressOf(said, step({ attempt: 3 }))).toBeNull();
  expect(progressOf(said, step({ address: "other" }))).toBeNull();
});

it("counts lines, and says whether more may come", () => {
  expect([scopeOf(1, 1, true), scopeOf(12_000, 12_000, false), scopeOf(20, 3, true)]).toEqual(["1 line, complete", "12,000 lines so far", "3 of 20 lines"]);
});

it("is taken away as a text under the run's name", () => {
  expect(textOf([line("copy", "a"), line("hosts[h1]/copy", "b", { attempt: 2, stream: "err" })])).toBe("2026-01-01T03:00:00.250Z copy  a\n2026-01-01T03:00:00.250Z hosts[h1]/copy ×2 err  b\n");
  expect([fileOf(run("running"), null), fileOf(run("running"), step({ address: "hosts[h1]/copy" }))]).toEqual(["move-data-R1.log", "move-data-R1-hosts_h1_copy.log"]);
});
