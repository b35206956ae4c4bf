import { describe, expect, it } from "vitest";

import { readOn, type RunLog } from "./run-log";
import type { LogLine, RunLogPart } from "./types";

const line = (sequence: number): LogLine => ({ sequence, at: "2026-01-01T00:00:00Z", step: "first", attempt: 1, stream: "", text: `line ${String(sequence)}` });
const known = (from: number, to: number, leftOut = 0): RunLog => ({ lines: lines(from, to), progress: [], leftOut });
const lines = (from: number, to: number): LogLine[] => Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

/** A server that keeps these lines, and gives so many of them at a time. */
function server(kept: readonly LogLine[], leftOut: number, limit: number): (after: number) => Promise<RunLogPart> {
  return (after) => {
    const rest = kept.filter((one) => one.sequence > after);
    const items = rest.slice(0, limit);
    return Promise.resolve({ items, next: rest.length > limit ? (items.at(-1)?.sequence ?? null) : null, progress: [], left_out: leftOut });
  };
}

describe("a run's log, read on", () => {
  it.each([
    ["page by page, from its beginning", known(1, 0), server(lines(1, 7), 0, 3), [1, 7, 0]],
    ["after what is known", known(1, 4), server(lines(1, 6), 0, 3), [1, 6, 0]],
    ["where nothing came", known(1, 4), server(lines(1, 4), 0, 3), [1, 4, 0]],
    ["with what the server has left out meanwhile, as it was read", known(1, 4), server(lines(4, 6), 3, 9), [1, 6, 0]],
    ["to the last line that is left out and was read", known(1, 4), server(lines(5, 6), 4, 9), [1, 6, 0]],
    ["anew, where lines were never read", known(1, 4), server(lines(7, 9), 6, 9), [7, 9, 6]],
    ["anew, where lines were never read after a beginning without some", known(11, 14, 10), server(lines(16, 19), 15, 9), [16, 19, 15]],
  ])("%s", async (_, before, read, [from, to, leftOut]) => {
    const log = await readOn(before, read);
    // `from` to `to` are there, and all in between.
    expect([log.lines.at(0)?.sequence, log.lines.at(-1)?.sequence, log.lines.length, log.leftOut]).toEqual([from, to, Number(to) - Number(from) + 1, leftOut]);
  });
  it("holds so many lines, the newest, and counts the others", async () => {
    const log = await readOn(known(3, 6, 2), server(lines(3, 9), 2, 9), 5);
    expect([log.lines.map((one) => one.sequence), log.leftOut]).toEqual([[5, 6, 7, 8, 9], 4]);
  });
});
