import { describe, expect, it } from "vitest";

import type { Alert, Escalation, Incident } from "../../data/types";
import { nobody } from "./nobody";

const NOW = Date.parse("2026-05-01T12:00:00Z");
const incident = (more: Partial<Incident> = {}): Incident => ({ namespace: "basis", state: "open", alerts_firing: 0, told: [], unheard: {}, owner: null, ...more }) as Incident;
const alert = (...reasons: (readonly [string, string | null])[]): Alert => ({ state: "firing", quiet: reasons.map(([reason, until]) => ({ reason, until })) }) as unknown as Alert;

describe("why nobody is told", () => {
  it("is that all that fires is quiet, and until when", () => {
    const silenced = alert(["silenced", "2026-05-03T12:00:00Z"], ["snoozed", "2026-05-02T12:00:00Z"]);
    expect(nobody(incident({ alerts_firing: 1 }), [silenced], [], NOW)).toMatch(/^Nobody is told now: the alert that fires is silenced, until .*3 May|May 3/);
    const both = nobody(incident({ alerts_firing: 3 }), [silenced, silenced, alert(["inhibited", null])], [], NOW);
    expect(both).toMatch(/^Nobody is told now: all 3 alerts that fire are 2 silenced, 1 explained by another alert, until /);
    expect(nobody(incident({ alerts_firing: 1 }), [alert(["inhibited", null])], [], NOW)).toBe("Nobody is told now: the alert that fires is explained by another alert.");
  });

  it("is not said of all while not all are at hand, or one is heard", () => {
    const told = incident({ alerts_firing: 2, told: ["default/mail"] });
    expect(nobody(told, [alert(["silenced", null])], [], NOW)).toMatch(/^default\/mail was told/);
    expect(nobody(told, [alert(["silenced", null]), alert()], [], NOW)).toMatch(/^default\/mail was told/);
  });

  it("names channels of its own namespace shortly", () => {
    expect(nobody(incident({ told: ["basis/mail", "other/mail"] }), [], [], NOW)).toBe("mail, other/mail were told; nobody else is called by itself.");
  });

  it("is that nobody owns it, or that nothing has arrived", () => {
    expect(nobody(incident(), [], [], NOW)).toMatch(/no service with an owner/);
    expect(nobody(incident({ owner: "team:basis" }), [], [], NOW)).toMatch(/^team basis owns it/);
    expect(nobody(incident({ told: ["default/mail"], unheard: { "default/mail": "ef-1" } }), [], [], NOW)).toMatch(/^Nothing has reached default\/mail/);
  });

  it("is not said where someone has it, or an escalation goes on", () => {
    expect(nobody(incident({ state: "acknowledged" }), [], [], NOW)).toBeNull();
    expect(nobody(incident(), [], [{ state: "running" } as Escalation], NOW)).toBeNull();
  });
});
