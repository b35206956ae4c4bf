import { describe, expect, it } from "vitest";

import type { SapInstance, SapSystem } from "../../data/types";
import { databaseText, differing, kindOf, runningText, stateOf, updateCommand } from "./sap";

const instance = (name: string, fields: Partial<SapInstance> = {}): SapInstance =>
  ({ name, host: name.split("_")[0] ?? "", number: "00", features: [], start_priority: null, declared: true, state: "GREEN", seen_at: null, severity: "clear", alerts_firing: 0, ...fields });
const system = (...instances: SapInstance[]): Pick<SapSystem, "instances" | "namespace"> => ({ instances, namespace: "default" });

describe("an instance", () => {
  it("is not known while nothing is, and not listed once others are", () => {
    const gone = instance("prdgone_PRD_07", { state: "unknown" });
    expect(stateOf(gone, system(gone)).text).toBe("Not known");
    expect(stateOf(gone, system(gone, instance("prdpas_PRD_00"))).text).toBe("Not listed");
    expect(differing(system(gone)).missing).toEqual([]);
  });
  it("has SAP's colours in words", () => {
    const words = (["GREEN", "YELLOW", "RED", "GRAY"] as const).map((state) => stateOf(instance("a", { state }), system()).text);
    expect(words).toEqual(["Runs", "Yellow", "Red", "Stopped"]);
  });
  it("is called by what it does", () => {
    expect(kindOf(["ABAP", "GATEWAY", "ICMAN", "IGS"])).toBe("ABAP");
    expect(kindOf(["MESSAGESERVER", "ENQUE"])).toBe("Message server, Enqueue");
    expect(kindOf(["TREX"])).toBe("TREX");
  });
});

describe("a system", () => {
  it("counts only what is declared as its own, and names what differs", () => {
    const all = system(instance("a"), instance("b", { state: "GRAY" }), instance("c", { declared: false }), instance("d", { state: "unknown" }));
    expect(runningText(all)).toBe("1 of 3 run");
    expect(runningText(system(instance("a", { state: "unknown" })))).toBe("Not known");
    const { undeclared, missing } = differing(all);
    expect([undeclared.map((each) => each.name), missing.map((each) => each.name)]).toEqual([["c"], ["d"]]);
  });
  it("is asked where it runs when it is taken over", () => {
    const asked = updateCommand({ ...system(instance("old_PRD_01", { state: "GRAY" }), instance("prdpas_PRD_00")), namespace: "sap" });
    expect(asked).toBe("oncue sap discover prdpas --instance 00 --update --namespace sap > changed.yaml\noncue apply -f changed.yaml --namespace sap");
  });
  it("says what is known of its database, and no more", () => {
    expect(databaseText({ type: "hdb", name: "PRD", host: "prddb", instance: "02" })).toBe("SAP HANA PRD on prddb, instance 02");
    expect(databaseText({ type: "ora" })).toBe("Oracle");
    expect(databaseText(null)).toBeNull();
  });
});
