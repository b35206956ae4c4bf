import { describe, expect, it } from "vitest";

import type { Incident } from "../../data/types";
import { mergePreview, refusal, regroupPreview } from "./regroup";

const incident = (id: string, more: Partial<Incident> = {}): Incident =>
  ({ id, title: `About ${id}`, severity: "minor", priority: "P3", alerts_total: 2, alerts_firing: 2, tickets: [], runs: [], ...more }) as Incident;
const alert = (title: string, state: "firing" | "resolved" = "firing", severity: "minor" | "critical" = "minor") => ({ title, state, severity });

describe("before incidents become one", () => {
  it("nothing is said until others are chosen", () => {
    expect(mergePreview(incident("INC-1"), [])).toEqual([]);
  });
  it("says what goes with them, and that the worse title wins", () => {
    const said = mergePreview(incident("INC-1"), [incident("INC-2", { alerts_total: 1 }), incident("INC-3", { severity: "critical", priority: "P1", tickets: ["TCK-1"] })]);
    expect(said[0]).toBe("INC-2 and INC-3 close and become part of INC-1; 3 alerts and 1 ticket go with them.");
    expect(said[1]).toBe("INC-1 takes the title and the severity of INC-3, which is critical.");
    expect(said[2]).toContain("rise to P1");
    expect(said[3]).toContain("To take it back");
  });
  it("nobody is told anew where the priority stays", () => {
    expect(mergePreview(incident("INC-1"), [incident("INC-2")])).toContain("Nobody is told anew.");
  });
});

describe("before alerts leave an incident", () => {
  const home = incident("INC-1", { alerts_total: 3, alerts_firing: 3 });
  it("a split names the incident after the worst that fires", () => {
    const said = regroupPreview("split", home, [alert("Small"), alert("Large", "firing", "critical")], null);
    expect(said[0]).toContain("“Large”");
    expect(said[1]).toBe("1 alert that fires stays in INC-1; new alerts about the same join it, as before.");
    expect(said.at(-1)).toBe("To take it back, merge the new incident into this one.");
  });
  it("an incident that is left with nothing resolves", () => {
    expect(regroupPreview("detach", incident("INC-1", { alerts_total: 1, alerts_firing: 1 }), [alert("Only")], null)[1]).toBe("Nothing that fires is left in INC-1, so it resolves.");
  });
  it("a move says where to, and how to take it back", () => {
    const said = regroupPreview("move", home, [alert("One")], incident("INC-9"));
    expect(said[0]).toBe("1 alert goes from INC-1 to INC-9, “About INC-9”.");
    expect(said.at(-1)).toBe("To take it back, move it from INC-9 to INC-1.");
  });
  it("what the engine would refuse is said before", () => {
    expect(refusal("split", home, [alert("a"), alert("b"), alert("c")])).toContain("Leave at least one");
    expect(refusal("split", home, [alert("a", "resolved")])).toContain("fires");
    expect(refusal("detach", home, [alert("a", "resolved")])).toBe("");
  });
});
