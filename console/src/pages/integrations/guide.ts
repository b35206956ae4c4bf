/** What connects each type of sender: the manifest of its source, and the sender's own configuration. */
import type { Source } from "../../data/types";
import { toYaml } from "../../parts/yaml";
import { snippet } from "./view";

/** A kind of sender that the guide knows how to connect. */
interface Known {
  label: string;
  /** The manifest's `with`, where a source is of no use without. */
  settings?: Record<string, unknown>;
  /** Other fields of the manifest's spec. */
  more?: Record<string, unknown>;
  /** The address that is there without a manifest, and the name of what comes by it. */
  door?: { origin: string; path: string };
  /** Where to put the configuration. */
  where: string;
  sender?: (url: string) => string[];
}

const JSON_HEADERS = ['  -H "Authorization: Bearer $ONCUE_TOKEN" \\', "  -H 'Content-Type: application/json' \\"];

const KNOWN: Record<string, Known> = {
  alertmanager: { label: "Prometheus", door: { origin: "alertmanager", path: "/alertmanager" }, where: "In prometheus.yml; the file holds the token" },
  alertmanager_webhook: {
    label: "Alertmanager", where: "In alertmanager.yml; the file holds the token",
    sender: (url) => ["receivers:", "  - name: oncue", "    webhook_configs:", `      - url: ${url}`, "        send_resolved: true", "        max_alerts: 0", "        http_config:", "          authorization: {credentials_file: /etc/alertmanager/oncue-token}"],
  },
  argocd: {
    label: "Argo CD", where: "In the config map argocd-notifications-cm; the token is in the secret argocd-notifications-secret",
    sender: (url) => ["service.webhook.oncue: |", `  url: ${url}`, "  headers:", "    - {name: Authorization, value: Bearer $oncue-token}", "    - {name: Content-Type, value: application/json}", "template.oncue: |", "  webhook:", "    oncue:", "      method: POST", "      body: |", '        {"app": {{toJson .app}}, "context": {{toJson .context}}}'],
  },
  aws_sns: {
    label: "Amazon SNS, CloudWatch, EventBridge", settings: { confirm: true, topics: ["arn:aws:sns:eu-west-1:123456789012:alarms"] }, where: "With your topic in the manifest above, subscribe",
    sender: (url) => ["aws sns subscribe --protocol https \\", "  --topic-arn arn:aws:sns:eu-west-1:123456789012:alarms \\", `  --notification-endpoint "${url}?token=$ONCUE_TOKEN"`],
  },
  azure_monitor: { label: "Azure Monitor", where: "In the action group: an action of type Webhook, with the common alert schema", sender: (url) => [`${url}?token=TOKEN`] },
  cloudevents: { label: "CloudEvents", door: { origin: "events", path: "/api/v1/events" }, where: "Whatever can send CloudEvents over HTTP; to try it" },
  flux: {
    label: "Flux", where: "The address of a Provider of type generic, in its secret",
    sender: (url) => ["kubectl -n flux-system create secret generic oncue \\", `  --from-literal=address='${url}?token=TOKEN'`],
  },
  gcp_monitoring: { label: "Google Cloud Monitoring", where: "As a notification channel of type Webhook", sender: (url) => [`${url}?token=TOKEN`] },
  github: { label: "GitHub", where: "In the repository's or organisation's settings: a webhook with content type application/json", sender: (url) => [`${url}?token=TOKEN`] },
  gitlab: { label: "GitLab", where: "In the project's or group's settings: a webhook for deployments and pipelines", sender: (url) => [`${url}?token=TOKEN`] },
  grafana: {
    label: "Grafana", where: "In a provisioning file, or the same under Alerting, Contact points",
    sender: (url) => ["# /etc/grafana/provisioning/alerting/oncue.yaml", "apiVersion: 1", "contactPoints:", "  - orgId: 1", "    name: oncue", "    receivers:", "      - uid: oncue", "        type: webhook", "        settings:", `          url: ${url}`, "          authorization_scheme: Bearer", "          authorization_credentials: TOKEN"],
  },
  heartbeat: { label: "Heartbeats", door: { origin: "heartbeat", path: "/heartbeat" }, where: "At the end of the job that must not stay away; MONITOR is a Monitor that uses heartbeat" },
  jenkins: { label: "Jenkins", where: "As an endpoint of the Notification plugin: format JSON, protocol HTTP, event All", sender: (url) => [`${url}?token=TOKEN`] },
  jira: { label: "Jira", where: "In Jira's administration: a webhook for issues and comments, with a secret", sender: (url) => [`${url}?token=TOKEN`] },
  json: {
    label: "Any JSON", settings: { mapping: { severity: "body.status", resource: "body.host", check: "body.job", title: "body.job + ' on ' + body.host + ' is ' + body.status" }, severities: { ok: "clear", failed: "major" } },
    where: "Change the mapping to what your sender posts; to try it",
    sender: (url) => [`curl -sS ${url} \\`, ...JSON_HEADERS, `  -d '{"job": "backup", "host": "db-1", "status": "failed"}'`],
  },
  kubernetes: {
    label: "Kubernetes Events", where: "Let an event exporter post to the address; to try it",
    sender: (url) => ["kubectl get events -A -o json |", `  curl -sS ${url} \\`, '  -H "Authorization: Bearer $ONCUE_TOKEN" --data-binary @-'],
  },
  nagios: {
    label: "Nagios, Icinga, NRDP", where: "As the NRDP address of the sender; to try it",
    sender: (url) => [`send_nrdp.sh -u ${url} -t "$ONCUE_TOKEN" \\`, '  -H db-1 -s Disk -S 2 -o "DISK CRITICAL - 97%|/var=97%;80;90"'],
  },
  otlp_logs: {
    label: "OpenTelemetry logs", settings: { alert_from: "major" }, where: "In the collector's configuration, in a pipeline of logs",
    sender: (url) => ["exporters:", "  otlphttp/oncue:", `    logs_endpoint: ${url}`, '    headers: {Authorization: "Bearer ${env:ONCUE_TOKEN}"}'],
  },
  pagerduty: { label: "PagerDuty's clients", more: { routing_key: "secret://pagerduty-routing-key" }, where: "Store the key first: oncue secret set pagerduty-routing-key. Then change the client's address; to try it" },
  sap_alert_notification: { label: "SAP Alert Notification", where: "As an action of type Web Hook with basic authentication: any user, the token as the password", sender: (url) => [url] },
  syslog: { label: "Syslog", settings: { listen: "0.0.0.0:5514", protocol: "tcp", senders: ["127.0.0.0/8", "10.0.0.0/8"] }, where: "On each sender; syslog has no tokens, so say in senders who may" },
  zabbix: { label: "Zabbix", where: "As parameters of a media type of type Webhook; its script is in the documentation", sender: (url) => [`url_of_oncue    ${url}`, "token_of_oncue  TOKEN", "event_id        {EVENT.ID}", "event_value     {EVENT.VALUE}", "status          {EVENT.STATUS}", "severity        {EVENT.SEVERITY}", "trigger_id      {TRIGGER.ID}", "trigger         {TRIGGER.NAME}", "name            {EVENT.NAME}", "host            {HOST.HOST}"] },
};

export const labelOf = (type: string): string => KNOWN[type]?.label ?? type;

/** Types in the order in which they are offered: by what they are called. `heartbeat` is a door, and no type of a source. */
export function offered(types: readonly string[]): string[] {
  return [...new Set([...types, "heartbeat"])].toSorted((a, b) => labelOf(a).localeCompare(labelOf(b)));
}

/** A name for the source that fits a manifest. */
export const nameFor = (type: string): string => type.replaceAll("_", "-");

export const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

export interface Guide {
  /** Null for what needs no manifest. */
  manifest: Record<string, unknown> | null;
  yaml: string;
  where: string;
  sender: string;
  /** Whether a given source is the one that the guide is about. */
  isIt: (source: Pick<Source, "name" | "namespace">) => boolean;
}

/** How to connect a sender of this type to the server at `origin`. */
export function guideOf(type: string, name: string, namespace: string, origin: string): Guide {
  const known: Known = KNOWN[type] ?? { label: type, where: "Where your sender is configured, with the token as a bearer" };
  if (known.door) {
    const { origin: door, path } = known.door;
    return { manifest: null, yaml: "", where: known.where, sender: snippet({ type, name: door, path }, origin), isIt: (source) => source.name === door };
  }
  const spec = { type, ...known.more, ...(known.settings ? { with: known.settings } : {}) };
  const manifest = { apiVersion: "oncue/v1", kind: "Source", metadata: { name, namespace }, spec };
  const path = type === "pagerduty" ? "/pagerduty/v2/enqueue" : `/in/${name}`;
  const listening = type === "syslog" ? ({ address: "tcp://0.0.0.0:5514" } as Source["listening"]) : null;
  const sender = known.sender ? known.sender(`${origin}${path}`).join("\n") : snippet({ type, name, path, listening }, origin);
  return { manifest, yaml: toYaml(manifest), where: known.where, sender, isIt: (source) => source.name === name && source.namespace === namespace };
}

export type Arrival = "not_applied" | "waiting" | "refused" | "arrived";

/** How far the connection has come. A door that nothing came through is not listed, and waits all the same. */
export function arrivalOf(source: Pick<Source, "last_event_at" | "last_error_at"> | undefined, needsManifest: boolean): Arrival {
  if (source === undefined) return needsManifest ? "not_applied" : "waiting";
  const { last_event_at: taken, last_error_at: refused } = source;
  if (refused !== null && (taken === null || refused > taken)) return "refused";
  return taken === null ? "waiting" : "arrived";
}
