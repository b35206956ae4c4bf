/** SAP systems: what each is for and consists of, and what its instances do now. */
import { Link } from "@tanstack/react-router";

import { useShort } from "../../data/lists";
import { nameOf as personOf } from "../../data/me";
import type { Monitor, SapInstance, SapSystem } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { Snippet } from "../../parts/Code";
import { plural } from "../../parts/format";
import { isSeverity, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { databaseText, differing, isSeen, kindOf, runningText, stateOf, updateCommand } from "./sap";
import { nameOf, namespaceOf } from "./view";

const DISCOVER = "oncue sap discover HOST --instance 00 --tier production > prd.yaml\noncue apply -f prd.yaml";

export function SapSystems() {
  const [filters] = useFilters();
  const systems = useShort<SapSystem>("sap-systems", {}, { refetchInterval: 10_000 });
  const monitors = useShort<Monitor>("monitors", {}, { refetchInterval: 10_000 });
  return (
    <Loaded query={systems} what="SAP systems">
      {(page) => inNamespace(page.items, filters["namespace"]).length === 0
        ? (
          <EmptyState title="No SAP system is declared">
            <p>One instance knows all of its system. Ask it, read what it prints, and apply it:</p>
            <Snippet text={DISCOVER} label="How to discover a SAP system" />
          </EmptyState>
        )
        : <div className="halves">{inNamespace(page.items, filters["namespace"]).map((system) => <SystemCard key={system.id} system={system} monitors={monitors.data?.items ?? []} />)}</div>}
    </Loaded>
  );
}

function SystemCard({ system, monitors }: { system: SapSystem; monitors: readonly Monitor[] }) {
  const own = monitors.filter((each) => namespaceOf(each) === system.namespace && system.monitors.includes(nameOf(each)));
  const { undeclared, missing } = differing(system);
  const whole = system.alerts_firing - system.instances.reduce((sum, each) => sum + each.alerts_firing, 0);
  return (
    <Card
      id={`sap-${system.namespace}-${system.name}`} title={system.sid} scope={[system.tier, system.role, system.namespace].filter(Boolean).join(", ")} className="clip"
      end={<span className="row"><span className="dim">{runningText(system)}</span>{system.severity === "clear" ? isSeen(system) && <StateMark state="ok" text="Well" /> : <SeverityMark severity={system.severity} />}</span>}
    >
      <div className="card-body stack" style={{ gap: 8 }}>
        {system.description && <p className="wrap">{system.description}</p>}
        <Pairs
          entries={[
            ["Database", databaseText(system.database)],
            ["Service", system.service && <Link className="link" to="/alerts" search={{ service: system.service }}>{system.service}</Link>],
            ["Owner", personOf(system.owner)],
            ["Alerts", whole > 0 ? <Link className="link" to="/alerts" search={{ resource: system.sid }}>{plural(whole, "alert")} about the system as a whole</Link> : null],
            ["Monitors", <Monitors key="monitors" system={system} own={own} />],
          ]}
        />
      </div>
      <ul style={{ borderTop: "1px solid var(--line-soft)" }} aria-label={`Instances of ${system.sid}`}>
        {system.instances.map((instance) => <InstanceRow key={instance.name} instance={instance} system={system} />)}
      </ul>
      {(undeclared.length > 0 || missing.length > 0) && (
        <div className="card-body stack" style={{ gap: 6, borderTop: "1px solid var(--line-soft)" }}>
          <p className="t12 dim wrap">The system lists other instances than are declared. If that is meant, take it over:</p>
          <Snippet text={updateCommand(system)} label={`How to update ${system.sid}`} />
        </div>
      )}
    </Card>
  );
}

function Monitors({ system, own }: { system: SapSystem; own: readonly Monitor[] }) {
  if (system.monitors.length === 0) return <>None asks it: <span className="mono">oncue sap discover</span> prints them</>;
  const bad = own.filter((each) => each.state !== null && each.state.state !== "clear" && each.state.state !== "ok" && each.state.state !== "pending");
  return (
    <span className="row wrapping">
      <Link className="link" to="/integrations/$tab" params={{ tab: "monitors" }}>{plural(system.monitors.length, "monitor")}</Link>
      {bad.map((each) => (
        <Link key={nameOf(each)} className="tag" to="/integrations/$tab" params={{ tab: "monitors" }} hash={`monitor-${namespaceOf(each)}-${nameOf(each)}`}>
          {isSeverity(each.state?.state) ? <SeverityShape severity={each.state.state} small /> : null}{nameOf(each)}{each.state?.state === "failing" ? " cannot measure" : ""}
        </Link>
      ))}
    </span>
  );
}

function InstanceRow({ instance, system }: { instance: SapInstance; system: SapSystem }) {
  const state = stateOf(instance, system);
  return (
    <li className="moving-row">
      <span className="row wrapping">
        <b className="med mono">{instance.name}</b>
        {!instance.declared && <span className="tag" title="The system lists it, and its SAPSystem does not declare it">not declared</span>}
        <span className="t12 dim" title={instance.features.join(", ")}>{kindOf(instance.features)}</span>
        {instance.start_priority !== null && <span className="t12 dim3">starts at {instance.start_priority}</span>}
        <span className="end row">
          {instance.alerts_firing > 0 && (
            <Link className="link row t12" to="/alerts" search={{ resource: instance.name }}>
              {isSeverity(instance.severity) && instance.severity !== "clear" && <SeverityShape severity={instance.severity} small />}{plural(instance.alerts_firing, "alert")}
            </Link>
          )}
          <StateMark state={state.mark} text={state.text} />
        </span>
      </span>
      {instance.state === "unknown" && instance.seen_at !== null && <span className="t12 dim3">last seen <RelativeTime at={instance.seen_at} suffix=" ago" /></span>}
    </li>
  );
}
