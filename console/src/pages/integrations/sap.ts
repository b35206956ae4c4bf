/** Words for SAP systems: their instances, their database, and how they differ from what is declared. */
import type { SapInstance, SapSystem } from "../../data/types";

export interface InstanceState {
  /** A state that `StateMark` knows. */
  mark: "ok" | "waiting" | "failing" | "unknown";
  text: string;
}

/** What an instance does; SAP's colours in words. One that is declared while the system lists others is missing. */
export function stateOf(instance: SapInstance, system: Pick<SapSystem, "instances">): InstanceState {
  switch (instance.state) {
    case "GREEN": return { mark: "ok", text: "Runs" };
    case "YELLOW": return { mark: "waiting", text: "Yellow" };
    case "RED": return { mark: "failing", text: "Red" };
    case "GRAY": return { mark: "failing", text: "Stopped" };
    default: return isSeen(system) ? { mark: "failing", text: "Not listed" } : { mark: "unknown", text: "Not known" };
  }
}

/** Whether the system's own list was read lately. */
export function isSeen(system: Pick<SapSystem, "instances">): boolean {
  return system.instances.some((each) => each.state !== "unknown");
}

/** Instances that the system lists and nobody declared, and those that are declared and that it does not list. */
export function differing(system: Pick<SapSystem, "instances">): { undeclared: SapInstance[]; missing: SapInstance[] } {
  const seen = isSeen(system);
  return {
    undeclared: system.instances.filter((each) => !each.declared),
    missing: system.instances.filter((each) => each.declared && seen && each.state === "unknown"),
  };
}

const DATABASES: Record<string, string> = { hdb: "SAP HANA", ora: "Oracle", db6: "IBM Db2", mss: "SQL Server", ada: "MaxDB", syb: "SAP ASE" };

/** As `SAP HANA PRD on prddb, instance 02`. */
export function databaseText(database: SapSystem["database"]): string | null {
  if (database === null) return null;
  const what = [DATABASES[database.type] ?? database.type, database.name].filter(Boolean).join(" ");
  return [[what, database.host && `on ${database.host}`].filter(Boolean).join(" "), database.instance && `instance ${database.instance}`].filter(Boolean).join(", ");
}

const FEATURES: Record<string, string> = {
  ABAP: "ABAP", J2EE: "Java", MESSAGESERVER: "Message server", ENQUE: "Enqueue", ENQREP: "Enqueue replicator", HDB: "HANA", WEBDISP: "Web Dispatcher", SMDAGENT: "Diagnostics agent",
};

/** What an instance is, by those of its features that say so; all of them if none does. */
export function kindOf(features: readonly string[]): string {
  const known = features.flatMap((each) => FEATURES[each] ?? []);
  return (known.length > 0 ? known : features).join(", ");
}

/** How many of the declared instances run, as `3 of 4 run`. */
export function runningText(system: Pick<SapSystem, "instances">): string {
  if (!isSeen(system)) return "Not known";
  const declared = system.instances.filter((each) => each.declared);
  return `${declared.filter((each) => each.state === "GREEN").length} of ${declared.length} run`;
}

/** The command that takes over what the system lists now. It is asked where its monitor asks. */
export function updateCommand(system: Pick<SapSystem, "instances" | "namespace">): string {
  const asked = system.instances.find((each) => each.declared && each.state === "GREEN") ?? system.instances[0];
  const place = system.namespace === "default" ? "" : ` --namespace ${system.namespace}`;
  return `oncue sap discover ${asked?.host ?? "HOST"} --instance ${asked?.number ?? "00"} --update${place} > changed.yaml\noncue apply -f changed.yaml${place}`;
}
