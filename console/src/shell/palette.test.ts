import { describe, expect, it } from "vitest";

import { commandsFor, fits } from "./palette";

const everything = (): boolean => true;

describe("the command palette", () => {
  it("offers the pages when nothing is typed", () => {
    expect(commandsFor("", everything).map((command) => command.label)).toEqual(expect.arrayContaining(["Now", "Alerts", "Admin"]));
  });
  it("hides what is not permitted", () => {
    const labels = commandsFor("", () => false).map((command) => command.label);
    expect(labels).not.toContain("Admin");
    expect(labels).not.toContain("Write a ticket");
  });
  it("opens an incident by its id in any spelling, before all else", () => {
    for (const typed of ["INC-12", "inc12", " inc-12 "]) {
      expect(commandsFor(typed, everything)[0]).toMatchObject({ label: "INC-12", effect: { kind: "go", to: "/incidents/INC-12" } });
    }
  });
  it("opens a request beside the others", () => {
    expect(commandsFor("req7", everything)[0]).toMatchObject({ label: "REQ-7", effect: { kind: "go", to: "/self-service", search: { show: "REQ-7" } } });
  });
  it("opens an event by its position", () => {
    expect(commandsFor("0-42", everything)[0]).toMatchObject({ effect: { to: "/events/0-42" } });
  });
  it("searches for whatever else is typed", () => {
    expect(commandsFor("disk full", everything).filter((command) => command.group === "Search")).toHaveLength(4);
  });
  it("finds commands by the beginnings of their words", () => {
    expect(fits("Switch between light and dark", "sw da")).toBe(true);
    expect(fits("Switch between light and dark", "itch")).toBe(false);
  });
});
