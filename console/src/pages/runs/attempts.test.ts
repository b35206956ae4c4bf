import { describe, expect, it } from "vitest";

import type { RunDetail, Step, StepAttempt } from "../../data/types";
import { mustHold, seen, triesOf } from "./attempts";

const run = (step: unknown): RunDetail => ({
  id: "run-1", namespace: "default", workflow: "w", version: "0", state: "running", created_at: "", updated_at: "", definition: { steps: [step] } as RunDetail["definition"],
});
const at = (address: string): Step => ({ id: `run-1/${address}`, run: "run-1", namespace: "default", address, node: "grow", uses: "http.request", state: "validating" });
const attempt = (fields: Partial<StepAttempt>): StepAttempt => ({ step: "probe", look: false, attempt: 1, state: "succeeded", started_at: null, ended_at: "", ...fields });

describe("what a validation saw", () => {
  it("is the values that it asked for, and not all of the result", () => {
    expect(seen(["result.status == 200 && result.rows[0].free > 5"], { status: 503, rows: [{ free: 3 }], body: "long" })).toEqual(["result.status = 503", "result.rows[0].free = 3"]);
    expect(seen(['result.headers["x-state"] == "up"', "result.lines.size() > 1"], { headers: { "x-state": "down" }, lines: ["a"] })).toEqual(['result.headers["x-state"] = down', 'result.lines = ["a"]']);
    expect(seen(["result.gone == 1"], {})).toEqual(["result.gone is not there"]);
  });
  it("belongs to its phase", () => {
    const written = run({ id: "grow", validate: [{ that: "a", when: ["before", "after"] }, { that: "b", when: "during" }], rollback: { uses: "x", validate: { that: "c" } } });
    expect(["grow", "grow~before", "grow~during", "grow~rollback"].map((address) => mustHold(written, at(address)))).toEqual([["a"], ["a"], ["b"], ["c"]]);
  });
});

describe("attempts", () => {
  it("are listed unless the only one went well", () => {
    expect(triesOf([attempt({}), attempt({ look: true })])).toEqual([]);
    expect(triesOf([attempt({ state: "failed" })])).toHaveLength(1);
    expect(triesOf([attempt({ state: "failed" }), attempt({ attempt: 2 })])).toHaveLength(2);
  });
});
