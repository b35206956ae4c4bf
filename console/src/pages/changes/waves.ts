/** The waves of a change as they roll: targets by steps, and when each was worked on; read from its plan and its run's steps. */
import type { Change, RunDetail, Step } from "../../data/types";
import { flowOf, type FlowStep } from "../../parts/flow";
import { clock, duration } from "../../parts/format";
import type { IconName } from "../../parts/Icon";
import { barOf, isActive, isBad, isOver, STEP_WORDS } from "../runs/view";

export interface Cell {
  /** Of the step in the run; null of one that has not begun. */
  address: string | null;
  icon: IconName;
  /** `done`, `moving`, `failed`, or nothing. */
  tone: string;
  text: string;
  /** The whole of it, for who hears it or points at it. */
  words: string;
}

export interface Row {
  target: string;
  /** The target's own step, with those of the template in it. */
  address: string;
  known: boolean;
  cells: Cell[];
  undoing: Cell | null;
}

export interface Part {
  kind: "done" | "moving" | "failed" | "baking" | "undoing";
  left: number;
  width: number;
  words: string;
}

export interface WaveView {
  name: string;
  /** `1 target, done in 21 s`. */
  about: string;
  is: "coming" | "moving" | "done" | "failed" | "never";
  code: string | null;
  bake: Cell | null;
  gate: Cell | null;
  rows: Row[];
  parts: Part[];
}

export interface Rolling {
  steps: readonly FlowStep[];
  waves: WaveView[];
  /** When each step was undone. */
  undoing: Part[];
  /** Targets that are done, and all. */
  done: number;
  total: number;
  undone: number;
}

const COMING: Cell = { address: null, icon: "resolved", tone: "faint", text: "", words: "To come" };
const NEVER: Cell = { address: null, icon: "resolved", tone: "faint never", text: "", words: "Never begun" };
const ICONS: Partial<Record<Step["state"], IconName>> = {
  running: "running", waiting: "waiting", validating: "running", skipped: "skipped", unknown: "unknown", cancelled: "close", timed_out: "clock",
};

export const waveAt = (wave: string): string => `waves[${wave}]`;

/** What the engine calls a wave's targets in the addresses of their steps: safe there, and no two alike. */
export function targetKeys(targets: readonly string[]): string[] {
  const keys = new Set<string>();
  targets.forEach((target, index) => {
    let key = [...target.replace(/[^A-Za-z0-9_.:@-]/gu, "_")].slice(0, 80).join("") || String(index);
    while (keys.has(key)) key = `${key}.${index}`;
    keys.add(key);
  });
  return [...keys];
}

/** What a step of a target came to; `over` is whether it can still begin. */
export function cellOf(step: Step | undefined, over: boolean, now: number): Cell {
  if (step === undefined) return over ? NEVER : COMING;
  const lasted = step.started_at ? duration(Date.parse(step.ended_at ?? new Date(now).toISOString()) - Date.parse(step.started_at)) : "";
  const said = [STEP_WORDS[step.state], lasted && `in ${lasted}`, step.reason].filter(Boolean).join(", ");
  const base = { address: step.address, words: said };
  if (isBad(step)) return { ...base, icon: "failed", tone: "failed", text: STEP_WORDS[step.state].toLowerCase() };
  if (isActive(step)) return { ...base, icon: ICONS[step.state] ?? "running", tone: "moving", text: lasted };
  if (step.state === "succeeded" || step.state === "approved") return { ...base, icon: "check", tone: "done", text: lasted };
  return { ...base, icon: ICONS[step.state] ?? "unknown", tone: "faint", text: STEP_WORDS[step.state].toLowerCase() };
}

/** What undoing a target came to, of all its steps together; null where nothing is undone. */
export function undoingOf(steps: readonly Step[], now: number): Cell | null {
  if (steps.length === 0) return null;
  const failed = steps.find(isBad);
  if (failed) return { address: failed.address, icon: "failed", tone: "failed", text: STEP_WORDS[failed.state].toLowerCase(), words: failed.reason ?? "Could not be undone" };
  const active = steps.find(isActive);
  const from = Math.min(...steps.flatMap((step) => (step.started_at ? [Date.parse(step.started_at)] : [])), now);
  const to = active ? now : Math.max(...steps.flatMap((step) => (step.ended_at ? [Date.parse(step.ended_at)] : [])), from);
  const lasted = duration(to - from);
  return { address: (active ?? steps[0])?.address ?? null, icon: "undo", tone: active ? "moving" : "", text: lasted, words: active ? `Being undone for ${lasted}` : `Undone within ${lasted}` };
}

export function rollingOf(change: Pick<Change, "plan" | "spec">, run: RunDetail | undefined, now: number): Rolling {
  const flow = flowOf(change.spec.steps);
  const byAddress = new Map((run?.steps ?? []).map((step) => [step.address, step]));
  const undone = (run?.steps ?? []).filter((step) => step.address.endsWith("~rollback"));
  const runOver = run !== undefined && (isOver(run) || run.state === "rolling_back" || run.state === "rollback_failed");
  const undoneOf = new Map<string, Step[]>();
  for (const step of undone) {
    const target = /^waves\[[^\]]*\]\/targets\[[^\]]*\]/.exec(step.address)?.[0] ?? "";
    undoneOf.set(target, [...(undoneOf.get(target) ?? []), step]);
  }
  const waves = (change.plan?.waves ?? []).map((wave): WaveView => {
    const item = byAddress.get(waveAt(wave.name));
    const over = runOver || (item !== undefined && !isActive(item));
    const keys = targetKeys(wave.targets);
    const rows = wave.targets.map((target, index): Row => {
      const address = `${waveAt(wave.name)}/targets[${keys[index] ?? ""}]`;
      const own = byAddress.get(address);
      const targetOver = over || (own !== undefined && !isActive(own));
      return {
        target, address, known: own !== undefined,
        cells: flow.map((step) => cellOf(byAddress.get(`${address}/${step.id}`), targetOver, now)),
        undoing: undoingOf(undoneOf.get(address) ?? [], now),
      };
    });
    const bake = byAddress.get(`${waveAt(wave.name)}/bake`);
    const gate = byAddress.get(`${waveAt(wave.name)}/gate`);
    return {
      name: wave.name, rows, code: item && isBad(item) ? codeOf(run, item) : null,
      is: item === undefined ? (runOver ? "never" : "coming") : isBad(item) ? "failed" : isActive(item) ? "moving" : "done",
      about: aboutWave(wave.targets.length, item, runOver, now),
      bake: change.spec.waves?.bake ? cellOf(bake, over, now) : null,
      gate: gate === undefined || gate.state === "skipped" ? null : cellOf(gate, over, now),
      parts: run === undefined ? [] : partsOf(byAddress.get(`${waveAt(wave.name)}/targets`), bake, run, now),
    };
  });
  const items = waves.flatMap((wave) => wave.rows.map((row) => byAddress.get(row.address)));
  return {
    steps: flow, waves,
    undoing: run === undefined ? [] : undone.flatMap((step): Part[] => {
      const bar = barOf(step, run, now);
      return bar === null ? [] : [{ kind: isBad(step) ? "failed" : "undoing", ...bar, words: `${step.address.replace(/~rollback$/, "")}: ${STEP_WORDS[step.state].toLowerCase()}` }];
    }),
    done: items.filter((step) => step?.state === "succeeded").length, total: items.length,
    undone: [...undoneOf].filter(([target, steps]) => target !== "" && steps.every((step) => step.state === "succeeded")).length,
  };
}

/** The instants below the waves, as shares of the time and clock times; what reads like the one before is left out. */
export function ticksOf(from: number, to: number): { share: number; text: string }[] {
  const all = [0, 0.25, 0.5, 0.75].map((share) => ({ share, text: clock(new Date(from + share * (to - from)).toISOString()) }));
  return all.filter(({ text }, index) => all[index - 1]?.text !== text);
}

/** Targets that are shown before the others are asked for: of a wave that is worked on, or failed, and of any other. */
const MANY = 25;
const FEW = 5;

/** The targets of a wave that say most, in their order: those that failed or are worked on before those that did well or are to come. */
export function tellingRows(wave: Pick<WaveView, "is" | "rows">): Row[] {
  const most = wave.is === "moving" || wave.is === "failed" ? MANY : FEW;
  if (wave.rows.length <= most + 1) return wave.rows;
  const telling = (row: Row): boolean => [...row.cells, row.undoing].some((cell) => cell?.tone === "failed" || cell?.tone === "moving");
  const chosen = new Set([...wave.rows.filter(telling), ...wave.rows.filter((row) => !telling(row))].slice(0, most));
  return wave.rows.filter((row) => chosen.has(row));
}

/** What failed in a wave, rather than that something did. */
function codeOf(run: RunDetail | undefined, item: Step): string | null {
  const failed = (run?.steps ?? []).find((step) => step.address.startsWith(`${item.address}/`) && isBad(step) && !step.address.endsWith("]") && step.uses !== "for_each");
  return failed?.error_code ?? item.error_code ?? null;
}

function aboutWave(targets: number, item: Step | undefined, runOver: boolean, now: number): string {
  const many = targets === 1 ? "1 target" : `${String(targets)} targets`;
  if (item?.started_at === undefined || item.started_at === null) return `${many}, ${runOver ? "never begun" : "to come"}`;
  const lasted = duration(Date.parse(item.ended_at ?? new Date(now).toISOString()) - Date.parse(item.started_at));
  return `${many}, ${isBad(item) ? "failed after" : isActive(item) ? "for" : "done in"} ${lasted}`;
}

function partsOf(group: Step | undefined, bake: Step | undefined, run: RunDetail, now: number): Part[] {
  const found: Part[] = [];
  const worked = group === undefined ? null : barOf(group, run, now);
  if (group !== undefined && worked !== null) found.push({ kind: isBad(group) ? "failed" : isActive(group) ? "moving" : "done", ...worked, words: `Targets: ${STEP_WORDS[group.state].toLowerCase()}` });
  const baked = bake === undefined ? null : barOf(bake, run, now);
  if (bake !== undefined && baked !== null) found.push({ kind: isBad(bake) ? "failed" : "baking", ...baked, words: `Stays well: ${STEP_WORDS[bake.state].toLowerCase()}` });
  return found;
}

/** How soon a failure was undone; null unless it was. */
export function rescueOf(run: RunDetail | undefined): { toBegin: string; toSafe: string | null } | null {
  const failed = (run?.steps ?? []).find((step) => step.address === run?.failed_at);
  const undone = (run?.steps ?? []).filter((step) => step.address.endsWith("~rollback") && step.started_at);
  if (!failed?.ended_at || undone.length === 0) return null;
  const at = Date.parse(failed.ended_at);
  const begun = Math.min(...undone.map((step) => Date.parse(step.started_at ?? "")));
  const ends = undone.map((step) => step.ended_at);
  const safe = run?.state === "rolled_back" && ends.every(Boolean) ? Math.max(...ends.map((end) => Date.parse(end ?? ""))) : null;
  return { toBegin: duration(begun - at), toSafe: safe === null ? null : duration(safe - at) };
}
