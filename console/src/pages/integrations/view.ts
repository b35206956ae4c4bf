/** Snippets that connect a sender, and words for how a source or a monitor is. */
import type { Metric, Monitor, SampleSeries, Severity, Source } from "../../data/types";
import type { Series } from "../../parts/Chart";

/** What to paste where, so that a sender of this type reaches OnCue. The token is named, never shown. */
export function snippet(source: Pick<Source, "type" | "path" | "name"> & Partial<Pick<Source, "listening">>, origin: string): string {
  const url = `${origin}${source.path}`;
  switch (source.type) {
    case "alertmanager":
      return [
        "# prometheus.yml", "alerting:", "  alertmanagers:", "    - scheme: " + origin.split(":")[0], "      path_prefix: /alertmanager",
        "      authorization: {credentials_file: /etc/prometheus/oncue-token}", "      static_configs:", `        - targets: ["${origin.replace(/^https?:\/\//, "")}"]`,
      ].join("\n");
    case "pagerduty":
      return [`curl -sS ${url} \\`, "  -H 'Content-Type: application/json' \\", `  -d '{"routing_key": "YOUR-32-CHARACTER-KEY", "event_action": "trigger",`, `       "payload": {"summary": "Disk full", "source": "host-1", "severity": "critical"}}'`].join("\n");
    case "heartbeat":
      return `curl -fsS -X POST -H "Authorization: Bearer $ONCUE_TOKEN" ${url}/default/MONITOR`;
    case "syslog": {
      const [, protocol, port] = /^(\w+):.*:(\d+)$/.exec(source.listening?.address ?? "") ?? [];
      if (port === undefined) return `tail -n 100 /var/log/syslog | curl -sS ${url} -H "Authorization: Bearer $ONCUE_TOKEN" --data-binary @-`;
      const target = `target="${new URL(origin).hostname}" port="${port}"`;
      if (protocol === "udp") return `# /etc/rsyslog.d/oncue.conf\naction(type="omfwd" ${target} protocol="udp")`;
      const tls = protocol === "tls" ? ['       streamDriver="gtls" streamDriverMode="1" streamDriverAuthMode="x509/name"'] : [];
      return [
        "# /etc/rsyslog.d/oncue.conf", `action(type="omfwd" ${target} protocol="tcp" tcp_framing="octet-counted"`, ...tls,
        '       template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1"', '       queue.type="linkedList" queue.size="100000" queue.filename="oncue")',
      ].join("\n");
    }
    default:
      return [
        `curl -sS ${url} \\`, '  -H "Authorization: Bearer $ONCUE_TOKEN" \\', "  -H 'Content-Type: application/cloudevents+json' \\",
        `  -d '{"specversion": "1.0", "id": "1", "source": "/demo", "type": "demo.disk.full",`, `       "severity": "major", "resource": "host-1", "title": "Disk full on host-1"}'`,
      ].join("\n");
  }
}

export interface SourceHealth {
  state: "ok" | "failing" | "unknown";
  text: string;
}

export function healthOf(source: Source): SourceHealth {
  if (source.listening?.state === "failing") return { state: "failing", text: "Does not listen" };
  if (source.listening?.state === "overloaded") return { state: "failing", text: "Loses messages" };
  const errorIsNewer = source.last_error_at !== null && (source.last_event_at === null || source.last_error_at > source.last_event_at);
  if (errorIsNewer) return { state: "failing", text: "Last message refused" };
  if (source.last_event_at === null) return { state: "unknown", text: "Nothing yet" };
  return { state: "ok", text: "Receiving" };
}

const RANK: Record<string, number> = { failing: 9, critical: 8, major: 7, minor: 6, warning: 5, pending: 1, clear: 0, ok: 0 };

/** Monitors that say something is wrong first. */
export function worstMonitors(monitors: readonly Monitor[]): Monitor[] {
  return monitors.toSorted((a, b) =>
    (RANK[b.state?.state ?? "pending"] ?? 2) - (RANK[a.state?.state ?? "pending"] ?? 2) || nameOf(a).localeCompare(nameOf(b)));
}

export function nameOf(monitor: Monitor): string {
  return monitor.manifest?.name ?? monitor.state?.name ?? "";
}

export function namespaceOf(monitor: Monitor): string {
  return monitor.manifest?.namespace ?? monitor.state?.namespace ?? "";
}

export interface Limit {
  name: string;
  value: number;
  tone: Severity;
}

/** The limits that a monitor's thresholds put on one metric. */
export function limitsOf(monitor: Monitor, metric: string): Limit[] {
  const thresholds = monitor.manifest?.spec["thresholds"];
  if (!Array.isArray(thresholds)) return [];
  return (thresholds as Record<string, unknown>[]).filter((each) => each["metric"] === metric).flatMap((each) =>
    (["warning", "minor", "major", "critical"] as const).flatMap((severity) => {
      const value = each[severity];
      return typeof value === "number" ? [{ name: severity, value, tone: severity }] : [];
    }));
}

/** Which series are a monitor's: of the resource that its readings are about, and of a metric that monitors of its type read. */
export function seriesOf(monitor: Monitor, all: readonly SampleSeries[]): SampleSeries[] {
  const metrics = new Set(monitor.metrics.map((each) => each.metric));
  const uses = monitor.manifest?.spec["uses"];
  const own = typeof uses === "string" ? `${uses}.` : null;
  return all.filter((each) =>
    each.namespace === namespaceOf(monitor) && each.resource === monitor.resource
    && (metrics.has(each.metric) || (own !== null && each.metric.startsWith(own))));
}

const TONES = ["text-2", "warning", "clear", "major", "accent", "minor"] as const;

export function lines(series: readonly SampleSeries[]): Series[] {
  return series.slice(0, TONES.length).map((each, index) => {
    const labels = Object.entries(each.labels).filter(([name]) => name !== "monitor").map(([, value]) => value).join(" ");
    return {
      name: [each.resource, labels].filter(Boolean).join(" "), kind: "line", tone: TONES[index] ?? "text-2",
      points: each.points.map((point) => [Date.parse(point.at), point.mean] as const),
    };
  });
}

/** At most `limit` metrics of a monitor: those with limits first, because they are what it watches; then as its type lists them. */
export function metricsOf(monitor: Monitor, series: readonly SampleSeries[], limit = 3): string[] {
  const all = [...new Set(series.map((each) => each.metric))];
  const listed = monitor.metrics.map((each) => each.metric);
  const place = (metric: string): number => (listed.includes(metric) ? listed.indexOf(metric) : listed.length);
  return all.toSorted((a, b) => Number(limitsOf(monitor, b).length > 0) - Number(limitsOf(monitor, a).length > 0) || place(a) - place(b)).slice(0, limit);
}

/** What people call a metric, and the unit of its values, as its type says; one that it does not list goes by its name. */
export function metricOf(monitor: Monitor, metric: string): Metric {
  return monitor.metrics.find((each) => each.metric === metric) ?? { metric, label: metric, unit: "" };
}
