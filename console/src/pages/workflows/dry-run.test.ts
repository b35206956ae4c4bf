import { describe, expect, it } from "vitest";

import type { PlannedStep } from "../../data/types";
import { left, nameOf, notesOf, summary, takesOf, whyOf } from "./dry-run";

const step = (id: string, verdict: PlannedStep["verdict"], more: Partial<PlannedStep> = {}): PlannedStep => ({ step: id, form: "http.request", verdict, tolerated: false, ...more });

describe("what a run would do", () => {
  it("is counted by the steps that do something", () => {
    const steps = [
      step("look", "runs"), step("each", "runs", { form: "for_each", items: 2, steps: [step("each[a]", "runs", { form: "item", steps: [step("each[a]/get", "runs")] })] }),
      step("maybe", "may run"), step("never", "skipped"), step("bad", "fails"),
    ];
    expect(summary({ steps })).toBe("2 steps run, 1 may run, 1 is skipped, 1 fails");
    expect(summary({ steps: [step("one", "runs")] })).toBe("1 step runs");
    expect(summary({ steps: [step("one", "may run")] })).toBe("no step is sure to run, 1 may run");
  });
  it("counts a loop whose items cannot be found", () => {
    expect(summary({ steps: [step("each", "fails", { form: "for_each" })] })).toBe("no step is sure to run, 1 fails");
  });
  it("names steps as they lie in each other", () => {
    expect(nameOf(step("each[web-1]/get", "runs"))).toBe("get");
    expect(nameOf(step("each[web-1]", "runs", { form: "item" }))).toBe("web-1");
    expect(nameOf(step("which/0", "runs", { form: "case", does: "inputs.big" }))).toBe("when inputs.big");
    expect(nameOf(step("which/1", "runs", { form: "case", does: "otherwise" }))).toBe("otherwise");
  });
  it("says what must hold, what undoes it, and what a crash would mean", () => {
    expect(notesOf(step("a", "runs", { effect_class: "at-most-once", validate: "result.ok", undo: "a.c" }))).toEqual(["is never done twice", "then result.ok must hold", "undone by a.c"]);
  });
  it("says why, without touching an expression", () => {
    expect(whyOf(step("a", "skipped", { why: "if: inputs.is_big" }))).toBe("Its condition is false: inputs.is_big");
    expect(whyOf(step("a", "may run", { why: "depends on step look: steps.look.result.max_size > 3" }))).toBe("Depends on step look: steps.look.result.max_size > 3");
    expect(whyOf(step("a", "fails", { why: "inputs.host_name: no such key" }))).toBe("inputs.host_name: no such key");
  });
  it("shows inputs where there are any, and says how many items are left", () => {
    expect(takesOf(step("a", "runs", { inputs: {} }))).toBeNull();
    expect(takesOf(step("a", "runs", { inputs: { url: "x" } }))).toEqual({ url: "x" });
    expect(takesOf(step("a[x]", "runs", { form: "item", inputs: "x" }))).toBeNull();
    expect(left(step("each", "runs", { items: 25, steps: [step("each[0]", "runs", { form: "item" })] }))).toBe(24);
    expect(left(step("a", "runs"))).toBe(0);
  });
});
