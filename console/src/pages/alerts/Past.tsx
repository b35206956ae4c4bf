/** What an alert has been: its severity and its value as step lines over time, and the same as a table. */
import { useDetail } from "../../data/lists";
import type { Page } from "../../data/http";
import type { Alert, AlertChange } from "../../data/types";
import { measure, moment, plural, sentence } from "../../parts/format";
import { isSeverity, SeverityShape } from "../../parts/marks";
import { RelativeTime, useNow } from "../../parts/time";
import { levelOf, levelsOf, pathOf, stepsOf, type Step } from "./history";

export function Past({ alert }: { alert: Alert }) {
  const query = useDetail<Page<AlertChange>>("alerts", alert.id, "history");
  const changes = query.data?.items ?? [];
  if (changes.length < 2) return null;
  return (
    <div className="panel-section stack" style={{ gap: 8 }}>
      <h2 className="heading">What it has been</h2>
      <Drawing changes={changes} />
      <details>
        <summary className="dim t12">{plural(changes.length, "change")} as a table</summary>
        <table className="data" aria-label="Changes of the alert" style={{ tableLayout: "auto" }}>
          <thead><tr><th scope="col">Since</th><th scope="col">State</th><th scope="col">Severity</th><th scope="col" className="num">Value</th></tr></thead>
          <tbody>
            {changes.map((change) => (
              <tr key={change.position}>
                <td><RelativeTime at={change.at} suffix=" ago" /></td>
                <td>{sentence(change.state)}</td>
                <td>{sentence(change.severity)}</td>
                <td className="num">{measure(change.value, change.unit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}

/** A picture of this many pixels for each severity that occurs. */
const ROW = 20;
const VALUE_HEIGHT = 44;

function Drawing({ changes }: { changes: readonly AlertChange[] }) {
  const now = useNow();
  const steps = stepsOf(changes, now);
  const levels = levelsOf(steps);
  const newest = changes[0];
  const first = changes.at(-1);
  const values = steps.flatMap((step) => (step.value === null ? [] : [step.value]));
  const limit = newest?.limit ?? null;
  const words = `From ${first ? levelOf(first) : "nothing"} to ${newest ? levelOf(newest) : "nothing"} in ${plural(changes.length, "change")}`;
  const row = (step: Step): number => ((levels.indexOf(step.level) + 0.5) / levels.length) * 100;
  return (
    <div className="past" role="img" aria-label={words}>
      <div className="past-lane" style={{ height: levels.length * ROW }}>
        <div className="past-names" aria-hidden="true">
          {levels.map((level) => <span key={level} className="row" style={{ height: ROW, gap: 4 }}>{isSeverity(level) && <SeverityShape severity={level} small />}{level}</span>)}
        </div>
        <Box>
          <path className="past-line" d={pathOf(steps, row)} />
          {steps.map((step) => <path key={`${String(step.from)}-${step.level}`} className={`past-level ${step.level}`} d={pathOf([step], row)} />)}
        </Box>
      </div>
      {values.length > 0 && <Values steps={steps} values={values} limit={limit} unit={newest?.unit ?? null} />}
      <div className="past-lane">
        <span className="past-names" />
        <span className="row t11 dim3" style={{ justifyContent: "space-between" }}><span>{first ? moment(first.at, now) : ""}</span><span>now</span></span>
      </div>
    </div>
  );
}

function Values({ steps, values, limit, unit }: { steps: readonly Step[]; values: readonly number[]; limit: number | null; unit: string | null }) {
  const all = limit === null ? values : [...values, limit];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const y = (value: number): number => (high === low ? 50 : 92 - ((value - low) / (high - low)) * 84);
  return (
    <div className="past-lane" style={{ height: VALUE_HEIGHT }}>
      <div className="past-names" aria-hidden="true" style={{ justifyContent: "space-between" }}>
        <span>{measure(high, unit)}</span>
        {high !== low && <span>{measure(low, unit)}</span>}
      </div>
      <Box>
        {limit !== null && <path className="past-limit" d={`M0 ${String(y(limit))}L100 ${String(y(limit))}`} />}
        <path className="past-value" d={pathOf(steps, (step) => (step.value === null ? null : y(step.value)))} />
      </Box>
    </div>
  );
}

/** 100 by 100, stretched to the room there is; lines keep their width. */
function Box({ children }: { children: React.ReactNode }) {
  return <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{children}</svg>;
}
