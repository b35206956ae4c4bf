import { describe, expect, it } from "vitest";

import type { Monitor, SampleSeries, Source } from "../../data/types";
import { arrivalOf, guideOf, NAME, nameFor, offered } from "./guide";
import { healthOf, lines, limitsOf, metricOf, metricsOf, seriesOf, snippet, worstMonitors } from "./view";

const source = (fields: Partial<Source>): Source => ({ name: "s", type: "cloudevents", path: "/in/s", last_event_at: null, last_error_at: null, ...fields }) as Source;
const monitor = (name: string, state: string | null, spec: Record<string, unknown> = {}, metrics: string[] = []): Monitor =>
  ({ resource: "host-1", metrics: metrics.map((metric) => ({ metric, label: metric, unit: "" })), manifest: { name, namespace: "default", spec }, state: state === null ? null : { name, namespace: "default", state, uses: spec["uses"] } }) as unknown as Monitor;
const series = (metric: string, labels: Record<string, string> = {}): SampleSeries =>
  ({ series: metric, namespace: "default", resource: "host-1", metric, labels, step_s: 60, points: [{ at: "2026-11-20T10:00:00Z", count: 1, mean: 2, min: 2, max: 2 }] });

describe("a snippet", () => {
  it("points the sender at this server and names no token", () => {
    expect(snippet(source({}), "https://oncue.example")).toContain("https://oncue.example/in/s");
    expect(snippet(source({ type: "alertmanager" }), "http://h:8480")).toContain('targets: ["h:8480"]');
    expect(snippet(source({}), "http://h")).toContain("$ONCUE_TOKEN");
  });
  it("points syslog at the port it listens at", () => {
    const at = (address: string): string => snippet(source({ type: "syslog", listening: { address } as Source["listening"] }), "https://oncue.example:8480");
    expect(at("tcp://0.0.0.0:5514")).toContain('target="oncue.example" port="5514" protocol="tcp" tcp_framing="octet-counted"');
    expect(at("udp://[::]:5515")).toContain('port="5515" protocol="udp"');
    expect(at("tls://0.0.0.0:6514")).toContain('streamDriver="gtls"');
    expect(snippet(source({ type: "syslog" }), "https://oncue.example")).toContain("https://oncue.example/in/s");
  });
});

describe("a source's health", () => {
  it("is that of its socket, where it has one that fails", () => {
    const listening = (state: string): Source => source({ last_event_at: "2026-11-20T10:00:00Z", listening: { state } as Source["listening"] });
    expect(healthOf(listening("listening")).state).toBe("ok");
    expect(healthOf(listening("failing")).text).toBe("Does not listen");
    expect(healthOf(listening("overloaded")).text).toBe("Loses messages");
  });
  it("is what happened last", () => {
    expect(healthOf(source({})).state).toBe("unknown");
    expect(healthOf(source({ last_event_at: "2026-11-20T10:00:00Z" })).state).toBe("ok");
    expect(healthOf(source({ last_event_at: "2026-11-20T10:00:00Z", last_error_at: "2026-11-20T10:01:00Z" })).state).toBe("failing");
  });
});

describe("monitors", () => {
  it("come worst first", () => {
    expect(worstMonitors([monitor("b", "clear"), monitor("a", null), monitor("c", "failing"), monitor("d", "major")]).map((each) => each.manifest?.name)).toEqual(["c", "d", "a", "b"]);
  });
  it("show their limits beside what they measure", () => {
    const cpu = monitor("cpu", "clear", { uses: "host.cpu", thresholds: [{ metric: "host.cpu.used", warning: 80, critical: 95 }] });
    expect(limitsOf(cpu, "host.cpu.used").map((limit) => [limit.name, limit.value])).toEqual([["warning", 80], ["critical", 95]]);
    expect(limitsOf(cpu, "host.cpu.idle")).toEqual([]);
    expect(metricsOf(cpu, [series("host.cpu.idle"), series("host.cpu.used")])).toEqual(["host.cpu.used", "host.cpu.idle"]);
    const work = monitor("work", "clear", { uses: "sap.workprocesses" }, ["sap.wp.used", "sap.wp.ended"]);
    expect(metricsOf(work, [series("sap.wp.ended"), series("sap.workprocesses.odd"), series("sap.wp.used")])).toEqual(["sap.wp.used", "sap.wp.ended", "sap.workprocesses.odd"]);
  });
  it("own the series of what they read, about their own resource alone", () => {
    const cpu = monitor("cpu", "clear", { uses: "host.cpu" });
    expect(seriesOf(cpu, [series("host.cpu.used"), series("host.cpux"), series("http.latency")]).map((each) => each.metric)).toEqual(["host.cpu.used"]);
    const work = monitor("work", "clear", { uses: "sap.workprocesses" }, ["sap.wp.used"]);
    const other = { ...series("sap.wp.used"), resource: "host-2" };
    expect(seriesOf(work, [series("sap.wp.used"), other, { ...series("sap.wp.used"), namespace: "team-a" }, series("sap.queue.length")])).toEqual([series("sap.wp.used")]);
  });
});

describe("charts", () => {
  it("name lines by resource and labels", () => {
    expect(lines([series("host.disk.used", { mount: "/var" })])[0]?.name).toBe("host-1 /var");
  });
  it("go by what people call the metric, in the unit that its type says", () => {
    const host = { ...monitor("oncue", "clear"), metrics: [{ metric: "self.commit.time", label: "Commit to the journal", unit: "ms" }] };
    expect(metricOf(host, "self.commit.time")).toMatchObject({ label: "Commit to the journal", unit: "ms" });
    expect(metricOf(host, "vendor.odd")).toEqual({ metric: "vendor.odd", label: "vendor.odd", unit: "" });
  });
});

describe("the guide to a source", () => {
  const types = ["alertmanager", "alertmanager_webhook", "argocd", "aws_sns", "azure_monitor", "cloudevents", "flux", "gcp_monitoring", "github", "gitlab", "grafana", "jenkins", "jira", "json", "kubernetes", "nagios", "otlp_logs", "pagerduty", "sap_alert_notification", "syslog", "zabbix", "of_a_plugin"];
  it("names this server, the source and a place for the token, whatever the type", () => {
    for (const type of types) {
      const guide = guideOf(type, "mine", "team-a", "https://oncue.example:8480");
      expect(guide.sender, type).toContain("oncue.example");
      if (guide.manifest === null) continue;
      expect(guide.yaml, type).toContain(`type: ${type}`);
      expect(guide.isIt({ name: "mine", namespace: "team-a" }), type).toBe(true);
      expect(guide.isIt({ name: "mine", namespace: "default" }), type).toBe(false);
      if (!["pagerduty", "syslog"].includes(type)) expect(guide.sender, type).toContain("https://oncue.example:8480/in/mine");
    }
  });
  it("offers what plugins bring, and heartbeats, each once", () => {
    expect(offered(["zabbix", "of_a_plugin", "heartbeat"])).toEqual(["heartbeat", "of_a_plugin", "zabbix"]);
    expect(types.map(nameFor).every((name) => NAME.test(name))).toBe(true);
  });
  it("waits for the first event, and says when a message was refused instead", () => {
    expect(arrivalOf(undefined, true)).toBe("not_applied");
    expect(arrivalOf(undefined, false)).toBe("waiting");
    expect(arrivalOf({ last_event_at: null, last_error_at: null }, true)).toBe("waiting");
    expect(arrivalOf({ last_event_at: "2026-11-20T10:00:00Z", last_error_at: "2026-11-20T10:00:01Z" }, true)).toBe("refused");
    expect(arrivalOf({ last_event_at: "2026-11-20T10:00:02Z", last_error_at: "2026-11-20T10:00:01Z" }, true)).toBe("arrived");
  });
});
