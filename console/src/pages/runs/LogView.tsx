/**
 * Lines that steps told, as they come: only those that are seen are drawn, so that tens of thousands are as quick as ten. It
 * stays at the end while lines come, until the reader scrolls up; then nothing moves, and the new ones are counted.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useMemo, useRef, useState, type ReactNode } from "react";

import { useEraseRunLog, type RunLog } from "../../data/run-log";
import { useMay } from "../../data/me";
import type { RunDetail, Step } from "../../data/types";
import { Ask } from "../../parts/ask";
import { CopyButton, DownloadButton } from "../../parts/Code";
import { PHONE } from "../../parts/DataTable";
import { exact, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { EmptyState } from "../../parts/states";
import { excerpt, type Excerpt, fileOf, isComplete, nothingOf, scopeOf, textOf, timeOf } from "./log";

const ROW_PX = 18;
/** Of a line that begins with a button: as much as a finger, or a shaky hand, needs at least. */
const MIXED_ROW_PX = 24;
/** So near to the end it counts as read to the end. */
const NEAR_PX = 24;
/** Below this many lines nobody needs to look for words. */
const MANY = 15;

interface Props {
  run: RunDetail;
  log: RunLog;
  /** Whose lines; null for all of the run. */
  step: Step | null;
  choose: (address: string) => void;
  /** Beside the other controls. */
  children?: ReactNode;
}

export function LogView({ run, log, step, choose, children }: Props) {
  const [words, setWords] = useState("");
  const [wraps, setWraps] = useState(() => window.matchMedia(PHONE).matches);
  const found = useMemo(() => excerpt(log.lines, step?.address ?? null, words), [log.lines, step?.address, words]);
  const { lines } = found;
  const all = useMemo(() => (words === "" ? lines : excerpt(log.lines, step?.address ?? null, "").lines).length, [log.lines, step?.address, words, lines]);
  const of = step === null ? `the run ${run.id}` : step.address;
  const nothing = nothingOf(run, step);
  return (
    <section className="log" aria-label={`Log of ${of}`}>
      <div className="log-head">
        <h3 className="heading">Log</h3>
        {all > 0 && <span className="dim3 t12" role="status">{scopeOf(all, lines.length, isComplete(run, step))}</span>}
        {all > 0 && (
          <div className="row end wrapping">
            {all > MANY && <input className="field small" type="search" aria-label={`Find in the log of ${of}`} placeholder="Find in lines" value={words} onChange={(event) => setWords(event.currentTarget.value)} />}
            <button type="button" className="btn small choice" aria-pressed={wraps} onClick={() => setWraps(!wraps)}>Wrap</button>
            <CopyButton text={() => textOf(lines)} />
            <DownloadButton text={() => textOf(lines)} name={fileOf(run, step)} />
            {children}
          </div>
        )}
      </div>
      {log.leftOut > 0 && all > 0 && <p className="log-note t12">{plural(log.leftOut, "older line")} left out: of one run the newest 1 MB is kept.</p>}
      {all === 0 && <EmptyState title={nothing.title}><p>{nothing.says}</p></EmptyState>}
      {all > 0 && lines.length === 0 && <EmptyState title="No line has these words in it" />}
      {lines.length > 0 && <Lines key={String(wraps)} label={`Lines of ${of}`} found={found} wraps={wraps} choose={choose} />}
    </section>
  );
}

interface LinesProps {
  label: string;
  found: Excerpt;
  wraps: boolean;
  choose: (address: string) => void;
}

function Lines({ label, found: { lines, mixed, tried, erred }, wraps, choose }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  /** How many lines there were when the reader left the end. */
  const [left, setLeft] = useState(0);
  const virtual = useVirtualizer({
    count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => (mixed ? MIXED_ROW_PX : ROW_PX), overscan: 20, getItemKey: (index) => lines[index]?.sequence ?? index,
  });
  const height = virtual.getTotalSize();
  const longest = useMemo(() => (wraps ? 0 : lines.reduce((most, line) => Math.max(most, line.text.length), 0)), [lines, wraps]);

  useLayoutEffect(() => {
    // The height counts as well: lines that wrap are measured only once they are drawn.
    const box = scroller.current;
    if (follows && box !== null) box.scrollTop = box.scrollHeight;
  }, [follows, lines.length, height]);

  const before = useRef(0);
  const onScroll = (): void => {
    const box = scroller.current;
    if (box === null) return;
    const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    const up = box.scrollTop < before.current;
    before.current = box.scrollTop;
    if (near && !follows) setFollows(true);
    if (!near && up && follows) {
      setFollows(false);
      setLeft(lines.length);
    }
  };
  const came = lines.length - left;
  return (
    <div className="log-box">
      <div ref={scroller} className={`log-lines${wraps ? " wraps" : ""}${mixed ? " mixed" : ""}`} role="log" aria-live="off" aria-label={label} tabIndex={0} onScroll={onScroll}>
        <div style={{ height, minWidth: wraps ? undefined : `calc(${String(longest)}ch + ${mixed ? "330px" : "170px"})`, position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = lines[index];
            return line === undefined ? null : (
              <div key={line.sequence} ref={wraps ? virtual.measureElement : undefined} data-index={index} className={line.stream === "err" ? "log-line err" : "log-line"} style={{ transform: `translateY(${String(start)}px)` }}>
                <time dateTime={line.at} title={exact(line.at)}>{timeOf(line)}</time>
                {mixed && <Whose step={line.step} first={lines[index - 1]?.step !== line.step} choose={choose} />}
                {tried && <span className="tried-at" title={`Attempt ${String(line.attempt)}`}>×{line.attempt}</span>}
                {erred && <span className="from">{line.stream === "err" && <span title="Written as an error">err</span>}</span>}
                <span className="told">{line.text}</span>
              </div>
            );
          })}
        </div>
      </div>
      {!follows && <button type="button" className="btn small announce to-end" onClick={() => setFollows(true)}><Icon name="down" size="s" />{came > 0 ? `${plural(came, "new line")}` : "To the end"}</button>}
    </div>
  );
}

/** The step that a line is of; of several lines one below the other, the first one leads there. */
function Whose({ step, first, choose }: { step: string; first: boolean; choose: (address: string) => void }) {
  if (!first) return <span className="cut whose dim3" title={step}>{step}</span>;
  return <button type="button" className="as-link cut whose" title={step} onClick={() => choose(step)}>{step}</button>;
}

/** Erasing the log of the whole run, for those who may. */
export function EraseLog({ run }: { run: RunDetail }) {
  const may = useMay();
  const erase = useEraseRunLog(run.id);
  const [asking, setAsking] = useState(false);
  if (!may("run:erase", run.namespace)) return null;
  return (
    <>
      <button type="button" className="btn small" onClick={() => setAsking(true)}>Erase the log</button>
      <Ask
        opened={asking} onClose={() => setAsking(false)} title="Erase this run's log?" act="Erase the log"
        effect="All that its steps told goes for good, for everybody, with how far they said they were. The run stays, with what went into its steps and came out. Who erased it is in the audit log."
        run={() => erase.mutateAsync(undefined)}
      />
    </>
  );
}
