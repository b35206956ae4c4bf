/** Monitors: what each finds, how it is itself, and what it measured. */
import { useShort } from "../../data/lists";
import type { Monitor, SampleSeries } from "../../data/types";
import { Chart } from "../../parts/Chart";
import { Card } from "../../parts/Card";
import { Segments } from "../../parts/Filters";
import { measure } from "../../parts/format";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { MonitorMark } from "./MonitorMark";
import { lines, limitsOf, metricOf, metricsOf, nameOf, namespaceOf, seriesOf, worstMonitors } from "./view";

export function Monitors() {
  const [filters] = useFilters();
  const now = useNow();
  const range = filters["range"] ?? "1h";
  const monitors = useShort<Monitor>("monitors", {}, { refetchInterval: 10_000 });
  const samples = useShort<SampleSeries>("samples", { since: sinceOf(range, now) }, { refetchInterval: 30_000 });
  const shown = (monitors.data?.items ?? []).filter((monitor) => !filters["namespace"] || namespaceOf(monitor) === filters["namespace"]);
  return (
    <>
      <div className="filters">
        <span className="eyebrow">Charts over</span>
        <Segments name="range" label="Range" options={[{ value: "", label: "1 hour" }, { value: "6h", label: "6 hours" }, { value: "24h", label: "1 day" }, { value: "7d", label: "7 days" }]} />
      </div>
      <Loaded query={monitors} what="monitors">
        {() => shown.length === 0
          ? <EmptyState title="No monitor is in force"><p>Apply one, for example of this machine’s CPU: <span className="mono">oncue apply -f examples/starter</span></p></EmptyState>
          : <div className="halves">{worstMonitors(shown).map((monitor) => <MonitorCard key={`${namespaceOf(monitor)}/${nameOf(monitor)}`} monitor={monitor} series={seriesOf(monitor, samples.data?.items ?? [])} />)}</div>}
      </Loaded>
    </>
  );
}

function MonitorCard({ monitor, series }: { monitor: Monitor; series: readonly SampleSeries[] }) {
  const state = monitor.state;
  const spec = monitor.manifest?.spec ?? {};
  const uses = typeof spec["uses"] === "string" ? spec["uses"] : state?.uses ?? "";
  const every = typeof spec["every"] === "string" ? spec["every"] : "30s";
  const metrics = metricsOf(monitor, series);
  return (
    <Card
      id={`monitor-${namespaceOf(monitor)}-${nameOf(monitor)}`} title={nameOf(monitor)} scope={`${uses}, every ${every}`}
      end={<MonitorMark state={state} />}
    >
      <div className="card-body stack" style={{ gap: 8 }}>
        {state !== null && (
          <p className="t12 dim3 wrap">
            {state.detail ? `${state.detail}, ` : ""}since <RelativeTime at={state.since} suffix=" ago" />{state.error_code ? <> <span className="reason">{state.error_code}</span></> : null}
          </p>
        )}
        {metrics.length === 0 && uses !== "heartbeat" && <p className="t12 dim3">Its first chart shows after a minute of readings.</p>}
        {metrics.map((metric) => {
          const own = series.filter((each) => each.metric === metric);
          const limits = limitsOf(monitor, metric);
          const last = own[0]?.points.at(-1)?.mean;
          const { label, unit } = metricOf(monitor, metric);
          return (
            <figure key={metric}>
              <figcaption className="row wrapping t12"><span className={label === metric ? "mono dim" : "dim"} title={metric}>{label}</span>{limits.map((limit) => <span key={limit.name} className={`t11 ct ${limit.tone}`}>{limit.name} {measure(limit.value, unit)}</span>)}<b className="end">{own.length === 1 ? measure(last, unit) : ""}</b></figcaption>
              <Chart label={`${label}, last value ${measure(last, unit)}`} height={110} unit={unit} series={lines(own)} limits={limits} />
            </figure>
          );
        })}
      </div>
    </Card>
  );
}
