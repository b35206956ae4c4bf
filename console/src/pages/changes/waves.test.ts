import { describe, expect, it } from "vitest";

import type { Change, RunDetail, Step } from "../../data/types";
import { rescueOf, rollingOf, targetKeys, tellingRows, ticksOf, type Row } from "./waves";

const NOW = Date.parse("2026-11-24T10:01:00Z");
const at = (second: number): string => `2026-11-24T10:00:${String(second).padStart(2, "0")}Z`;
const change = {
  spec: { steps: [{ id: "stage", uses: "ssh.command", rollback: {} }, { id: "upgrade", uses: "ssh.command" }], waves: { bake: "5s" } },
  plan: { hash: "ab", unknown: [], workflows: {}, waves: [{ name: "canary", targets: ["web-1"] }, { name: "wave-1", targets: ["web-2", "web-3"] }, { name: "wave-2", targets: ["web-4"] }] },
} as unknown as Change;

const step = (address: string, state: Step["state"], from?: number, to?: number, more: Partial<Step> = {}): Step => ({
  id: address, run: "run-1", namespace: "default", address, node: "x", uses: address.endsWith("]") ? "item" : "ssh.command", state,
  ...(from === undefined ? {} : { started_at: at(from) }), ...(to === undefined ? {} : { ended_at: at(to) }), ...more,
});
const run = (state: RunDetail["state"], steps: Step[], more: Partial<RunDetail> = {}): RunDetail =>
  ({ id: "run-1", namespace: "default", workflow: "web", version: "ab", state, created_at: at(0), updated_at: at(0), started_at: at(0), steps, ...more });

const CANARY = [
  step("waves[canary]", "succeeded", 0, 10), step("waves[canary]/targets", "succeeded", 0, 5, { uses: "for_each" }), step("waves[canary]/targets[web-1]", "succeeded", 0, 5),
  step("waves[canary]/targets[web-1]/stage", "succeeded", 0, 2), step("waves[canary]/targets[web-1]/upgrade", "succeeded", 2, 5), step("waves[canary]/bake", "succeeded", 5, 10),
];
const FAILED = [
  step("waves[wave-1]", "failed", 10, 20, { error_code: "items.failed" }), step("waves[wave-1]/targets", "failed", 10, 20, { uses: "for_each", error_code: "items.failed" }),
  step("waves[wave-1]/targets[web-2]", "succeeded", 10, 15), step("waves[wave-1]/targets[web-2]/stage", "succeeded", 10, 12), step("waves[wave-1]/targets[web-2]/upgrade", "succeeded", 12, 15),
  step("waves[wave-1]/targets[web-3]", "failed", 10, 20), step("waves[wave-1]/targets[web-3]/stage", "succeeded", 10, 12), step("waves[wave-1]/targets[web-3]/upgrade", "failed_validation", 12, 20, { error_code: "validation.failed", reason: "not green" }),
  step("waves[wave-1]/targets[web-3]/stage~rollback", "succeeded", 22, 24), step("waves[wave-1]/targets[web-2]/stage~rollback", "succeeded", 24, 27),
];

describe("waves as they roll", () => {
  it("are all to come before the change begins", () => {
    const { waves, done, total } = rollingOf(change, undefined, NOW);
    expect(waves.map((wave) => [wave.name, wave.is, wave.about])).toEqual([["canary", "coming", "1 target, to come"], ["wave-1", "coming", "2 targets, to come"], ["wave-2", "coming", "1 target, to come"]]);
    expect(waves[0]?.rows[0]?.cells.map((cell) => cell.words)).toEqual(["To come", "To come"]);
    expect([done, total]).toEqual([0, 4]);
  });
  it("show what each target is at while the run goes on", () => {
    const going = [...CANARY, step("waves[wave-1]", "running", 10), step("waves[wave-1]/targets", "running", 10, undefined, { uses: "for_each" }), step("waves[wave-1]/targets[web-2]", "running", 10), step("waves[wave-1]/targets[web-2]/stage", "running", 50)];
    const { waves, done } = rollingOf(change, run("running", going), NOW);
    expect(done).toBe(1);
    expect(waves[0]).toMatchObject({ is: "done", about: "1 target, done in 10 s", bake: { tone: "done", text: "5 s" } });
    expect(waves[0]?.parts.map((part) => part.kind)).toEqual(["done", "baking"]);
    expect(waves[1]?.rows[0]?.cells).toMatchObject([{ tone: "moving", text: "10 s", address: "waves[wave-1]/targets[web-2]/stage" }, { address: null, words: "To come" }]);
    expect(waves[1]?.rows[1]).toMatchObject({ known: false });
    expect(waves[1]?.parts).toMatchObject([{ kind: "moving" }]);
  });
  it("find targets by what the engine calls them in addresses", () => {
    const odd = { ...change, plan: { ...change.plan, waves: [{ name: "wave-1", targets: ["oncue configuration"] }] } } as unknown as Change;
    const done = [step("waves[wave-1]", "succeeded", 0, 9), step("waves[wave-1]/targets[oncue_configuration]", "succeeded", 0, 9), step("waves[wave-1]/targets[oncue_configuration]/stage", "succeeded", 0, 2)];
    const rolling = rollingOf(odd, run("succeeded", done), NOW);
    expect([rolling.done, rolling.total]).toEqual([1, 1]);
    expect(rolling.waves[0]?.rows[0]).toMatchObject({ target: "oncue configuration", known: true, cells: [{ tone: "done", text: "2 s" }, {}] });
    expect(targetKeys(["north/1", "north_1", "north 1", "Łódź", "ŁÓDŹ", "😀", "", "a".repeat(90)])).toEqual(["north_1", "north_1.1", "north_1.2", "__d_", "__D_", "_", "6", "a".repeat(80)]);
  });
  it("show what failed, what was undone, and what was never begun", () => {
    const rolling = rollingOf(change, run("rolled_back", [...CANARY, ...FAILED], { ended_at: at(30) }), NOW);
    const [, second, third] = rolling.waves;
    expect(second).toMatchObject({ is: "failed", code: "validation.failed", about: "2 targets, failed after 10 s" });
    expect(second?.rows[1]?.cells[1]).toMatchObject({ tone: "failed", text: "failed validation", words: "Failed validation, in 8 s, not green" });
    expect(second?.rows.map((row) => row.undoing?.text)).toEqual(["3 s", "2 s"]);
    expect(third).toMatchObject({ is: "never", about: "1 target, never begun" });
    expect(third?.rows[0]?.cells[0]?.words).toBe("Never begun");
    expect(rolling.undone).toBe(2);
    expect(rolling.undoing.map((part) => part.kind)).toEqual(["undoing", "undoing"]);
  });
});

describe("the axis below them", () => {
  it("says no instant twice", () => {
    const at = Date.parse("2026-11-24T21:00:00Z");
    expect(ticksOf(at, at + 40_000).map(({ share }) => share)).toEqual([0, 0.25, 0.5, 0.75]);
    expect(ticksOf(at, at + 2_000).map(({ share }) => share)).toEqual([0, 0.5]);
    expect(ticksOf(at, at).map(({ share }) => share)).toEqual([0]);
  });
});

describe("of many targets", () => {
  const rows = (many: number, failed = -1) => Array.from({ length: many }, (_, index): Row => ({
    target: `web-${String(index)}`, address: "", known: true, undoing: null, cells: [{ address: "x", icon: "check", tone: index === failed ? "failed" : "done", text: "", words: "" }],
  }));
  it("few are shown of a wave that is to come or done, and all if they are few", () => {
    expect(tellingRows({ is: "coming", rows: rows(40) }).map((row) => row.target)).toEqual(["web-0", "web-1", "web-2", "web-3", "web-4"]);
    expect(tellingRows({ is: "done", rows: rows(6) })).toHaveLength(6);
  });
  it("those that failed are never left out", () => {
    const shown = tellingRows({ is: "failed", rows: rows(200, 150) }).map((row) => row.target);
    expect(shown).toHaveLength(25);
    expect(shown.at(-1)).toBe("web-150");
  });
});

describe("how soon a failure was undone", () => {
  const failed = { failed_at: "waves[wave-1]/targets[web-3]/upgrade" };
  it("counts from the failure", () => {
    expect(rescueOf(run("rolled_back", FAILED, failed))).toEqual({ toBegin: "2 s", toSafe: "7 s" });
  });
  it("is not known before all is undone, nor of what did not fail", () => {
    expect(rescueOf(run("rolling_back", FAILED, failed))).toEqual({ toBegin: "2 s", toSafe: null });
    expect(rescueOf(run("succeeded", CANARY))).toBeNull();
    expect(rescueOf(undefined)).toBeNull();
  });
});
