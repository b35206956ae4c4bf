/** The waves as they roll: when each was worked on, and targets by steps. On a phone a list of the same. */
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import type { Change, RunDetail } from "../../data/types";
import { Card } from "../../parts/Card";
import { PHONE } from "../../parts/DataTable";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ReasonChip } from "../../parts/marks";
import { useNow } from "../../parts/time";
import { rollingOf, tellingRows, ticksOf, type Cell, type Part, type Rolling, type Row, type WaveView } from "./waves";

export function Waves({ change, run }: { change: Change; run: RunDetail | undefined }) {
  const now = useNow();
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const rolling = useMemo(() => rollingOf(change, run, now), [change, run, now]);
  if (change.plan === null) return null;
  const scope = [run ? `${String(rolling.done)} of ${plural(rolling.total, "target")} done` : `${plural(rolling.total, "target")}, not begun`, rolling.undone > 0 ? `${String(rolling.undone)} rolled back` : ""].filter(Boolean).join(", ");
  const undoes = rolling.steps.some((step) => step.undone);
  return (
    <Card id="waves" title="Waves" scope={scope} end={run && <Link className="link" to="/runs/$id" params={{ id: run.id }}>Its run</Link>} className="clip">
      {run?.started_at && <Times rolling={rolling} run={run} now={now} />}
      {run?.more_steps && <p className="card-body dim t12">Of this many steps only the first are read here; <Link className="link" to="/runs/$id" params={{ id: run.id }}>its run</Link> has counts of all.</p>}
      {change.plan.unknown.length > 0 && <p className="card-body t12 dim">The catalogue does not know {change.plan.unknown.join(", ")}: nothing is known of what depends on it.</p>}
      {phone
        ? <ul className="cards-list" aria-label="Waves and their targets">{rolling.waves.map((wave) => <Listed key={wave.name} wave={wave} rolling={rolling} run={run} />)}</ul>
        : <Matrix rolling={rolling} run={run} undoes={undoes} />}
    </Card>
  );
}

function Matrix({ rolling, run, undoes }: { rolling: Rolling; run: RunDetail | undefined; undoes: boolean }) {
  const columns = rolling.steps.length + 1 + (undoes ? 1 : 0);
  return (
    <div className="matrix-scroll" tabIndex={0} role="region" aria-label="Targets by steps">
      <table className="matrix" aria-label="Waves">
        <thead>
          <tr>
            <th scope="col">Target</th>
            {rolling.steps.map((step) => <th key={step.id} scope="col" title={step.about}>{step.title || step.id}</th>)}
            {undoes && <th scope="col" className="apart">Rollback</th>}
          </tr>
        </thead>
        {rolling.waves.map((wave) => <Group key={wave.name} wave={wave} run={run} columns={columns} undoes={undoes} />)}
      </table>
    </div>
  );
}

function Group({ wave, run, columns, undoes }: { wave: WaveView; run: RunDetail | undefined; columns: number; undoes: boolean }) {
  const [all, setAll] = useState(false);
  const rows = all ? wave.rows : tellingRows(wave);
  return (
    <tbody>
      <tr className="wave"><th scope="rowgroup" colSpan={columns}><WaveHead wave={wave} run={run} /></th></tr>
      {rows.map((row) => (
        <tr key={row.target} className={row.known ? undefined : "dim3"}>
          <th scope="row" className="mono">{row.target}</th>
          {row.cells.map((cell, index) => <td key={index}><Mark cell={cell} run={run} /></td>)}
          {undoes && <td className="apart">{row.undoing && <Mark cell={row.undoing} run={run} />}</td>}
        </tr>
      ))}
      {wave.rows.length > rows.length && <tr><td colSpan={columns}><button type="button" className="btn small" onClick={() => setAll(true)}>Show {wave.rows.length - rows.length} more</button></td></tr>}
    </tbody>
  );
}

function WaveHead({ wave, run }: { wave: WaveView; run: RunDetail | undefined }) {
  return (
    <span className="row wrapping">
      <b className="med">{wave.name}</b><span className={wave.is === "failed" ? "failure" : "dim3"}>{wave.about}</span>
      {wave.is === "failed" && wave.code && <ReasonChip code={wave.code} failed />}
      {wave.gate && <span className="row dim3">gate <Mark cell={wave.gate} run={run} /></span>}
      {wave.bake?.address && <span className="row dim3">stays well <Mark cell={wave.bake} run={run} /></span>}
    </span>
  );
}

function Mark({ cell, run }: { cell: Cell; run: RunDetail | undefined }) {
  const inner = <><Icon name={cell.icon} size="s" /><span aria-hidden="true">{cell.text}</span><span className="sr">{cell.words}</span></>;
  if (cell.address === null || run === undefined) return <span className={`cell state ${cell.tone}`} title={cell.words}>{inner}</span>;
  return <Link className={`cell state ${cell.tone}`} title={cell.words} to="/runs/$id" params={{ id: run.id }} search={{ step: cell.address }}>{inner}</Link>;
}

/** On a phone: a wave, and below it each target with what it came to. */
function Listed({ wave, rolling, run }: { wave: WaveView; rolling: Rolling; run: RunDetail | undefined }) {
  const [all, setAll] = useState(false);
  const rows = all ? wave.rows : tellingRows(wave);
  return (
    <li className="wave-listed">
      <WaveHead wave={wave} run={run} />
      <ul>{rows.map((row) => <li key={row.target} className="row wrapping"><span className="mono grow cut">{row.target}</span><At row={row} rolling={rolling} run={run} /></li>)}</ul>
      {wave.rows.length > rows.length && <button type="button" className="btn small" onClick={() => setAll(true)}>Show {wave.rows.length - rows.length} more</button>}
    </li>
  );
}

/** The step that says most: the one that failed, is under way, or came last. */
function At({ row, rolling, run }: { row: Row; rolling: Rolling; run: RunDetail | undefined }) {
  const begun = row.cells.flatMap((cell, index) => (cell.address === null ? [] : [index]));
  const at = begun.find((index) => row.cells[index]?.tone === "failed") ?? begun.find((index) => row.cells[index]?.tone === "moving") ?? begun.at(-1);
  const cell = at === undefined ? row.cells[0] : row.cells[at];
  const step = at === undefined ? undefined : rolling.steps[at];
  return (
    <>
      {step && <span className="dim3 t12 cut">{step.title || step.id}</span>}
      {cell && <Mark cell={cell} run={run} />}
      {row.undoing && <Mark cell={row.undoing} run={run} />}
    </>
  );
}


/** When each wave was worked on, within the time of the run. */
function Times({ rolling, run, now }: { rolling: Rolling; run: RunDetail; now: number }) {
  const from = Date.parse(run.started_at ?? "");
  const to = run.ended_at ? Date.parse(run.ended_at) : now;
  const lanes = [...rolling.waves.filter((wave) => wave.parts.length > 0).map((wave) => ({ name: wave.name, parts: wave.parts })), ...(rolling.undoing.length > 0 ? [{ name: "Rollback", parts: rolling.undoing }] : [])];
  if (lanes.length === 0) return null;
  return (
    <figure className="wave-times" aria-label="When each wave was worked on">
      {lanes.map((lane) => (
        <div key={lane.name} className="lane">
          <span className="t12 dim cut">{lane.name}</span>
          <span className="bars">{lane.parts.map((part, index) => <Bar key={index} part={part} />)}</span>
        </div>
      ))}
      <div className="lane" aria-hidden="true">
        <span />
        <span className="ticks">{ticksOf(from, to).map(({ share, text }) => <span key={share} style={{ left: `${String(share * 100)}%` }}>{text}</span>)}</span>
      </div>
    </figure>
  );
}

function Bar({ part }: { part: Part }) {
  return <i className={part.kind} role="img" aria-label={part.words} title={part.words} style={{ left: `${String(part.left * 100)}%`, width: `${String(part.width * 100)}%` }} />;
}
