/** What the command palette offers for what was typed. */
import { GROUPS } from "./navigation";
import type { IconName } from "../parts/Icon";

export type Effect =
  | { kind: "go"; to: string; search?: Record<string, string> }
  | { kind: "theme" }
  | { kind: "shortcuts" }
  | { kind: "sign-out" };

export interface Command {
  id: string;
  group: string;
  label: string;
  hint: string;
  icon: IconName;
  effect: Effect;
}

const ID = /^(inc|tck|chg|cr|apr|req)-?(\d+)$/i;
/** What an id names, by its letters, its icon, and where it is opened. */
const OPENED: Record<string, (name: string) => Pick<Command, "hint" | "icon" | "effect">> = {
  inc: (name) => ({ hint: "incident", icon: "incident", effect: { kind: "go", to: `/incidents/${name}` } }),
  tck: (name) => ({ hint: "ticket", icon: "ticket", effect: { kind: "go", to: `/tickets/${name}` } }),
  chg: (name) => ({ hint: "change", icon: "change", effect: { kind: "go", to: `/changes/${name}` } }),
  cr: (name) => ({ hint: "change on record", icon: "change", effect: { kind: "go", to: `/changes/reported/${name}` } }),
  apr: (name) => ({ hint: "approval", icon: "check", effect: { kind: "go", to: "/approvals", search: { show: name } } }),
  req: (name) => ({ hint: "request", icon: "form", effect: { kind: "go", to: "/self-service", search: { show: name } } }),
};
const POSITION = /^\d+-\d+$/;

function standing(may: (permission: string) => boolean): Command[] {
  const pages = GROUPS.flatMap((group) =>
    group.places.filter((place) => place.permission === undefined || may(place.permission)).map((place): Command => ({
      id: `go-${place.to}`, group: "Go to", label: place.label, hint: `g ${place.key}`, icon: place.icon, effect: { kind: "go", to: place.to },
    })));
  const more: Command[] = [
    { id: "mine", group: "Go to", label: "Open incidents", hint: "", icon: "incident", effect: { kind: "go", to: "/incidents", search: { state: "open" } } },
    { id: "failed", group: "Go to", label: "Failed runs", hint: "", icon: "failed", effect: { kind: "go", to: "/runs", search: { state: "failed" } } },
    { id: "dead", group: "Go to", label: "Dead letters", hint: "", icon: "mail", effect: { kind: "go", to: "/integrations/dead-letters" } },
    { id: "theme", group: "Do", label: "Switch between light and dark", hint: "", icon: "theme", effect: { kind: "theme" } },
    { id: "shortcuts", group: "Do", label: "Show keyboard shortcuts", hint: "?", icon: "unknown", effect: { kind: "shortcuts" } },
    { id: "sign-out", group: "Do", label: "Sign out", hint: "", icon: "lock", effect: { kind: "sign-out" } },
  ];
  if (may("run:start")) {
    more.push({ id: "start-run", group: "Do", label: "Start a workflow", hint: "", icon: "effect", effect: { kind: "go", to: "/workflows" } });
  }
  if (may("pause:write")) {
    more.push({ id: "pause", group: "Do", label: "Pause automatic runs", hint: "", icon: "pause", effect: { kind: "go", to: "/runs", search: { pause: "1" } } });
  }
  if (may("change:write")) {
    more.push({ id: "plan-change", group: "Do", label: "Plan a change", hint: "", icon: "change", effect: { kind: "go", to: "/changes", search: { new: "1" } } });
  }
  if (may("change_record:write")) {
    more.push({ id: "new-change", group: "Do", label: "Write down that a change begins", hint: "", icon: "change", effect: { kind: "go", to: "/changes/reported", search: { new: "1" } } });
  }
  if (may("ticket:create")) {
    more.push({ id: "new-ticket", group: "Do", label: "Write a ticket", hint: "", icon: "ticket", effect: { kind: "go", to: "/tickets", search: { new: "1" } } });
  }
  return [...pages, ...more];
}

/** Every word of the query must begin a word of the label. */
export function fits(label: string, query: string): boolean {
  const words = label.toLowerCase().split(/\s+/);
  return query.toLowerCase().split(/\s+/).every((part) => words.some((word) => word.startsWith(part)));
}

export function commandsFor(query: string, may: (permission: string) => boolean): Command[] {
  const wanted = query.trim();
  const all = standing(may);
  if (wanted === "") return all;
  const found = all.filter((command) => fits(command.label, wanted));
  const direct: Command[] = [];
  const id = ID.exec(wanted);
  const opened = OPENED[id?.[1]?.toLowerCase() ?? ""];
  if (opened !== undefined && id?.[1] !== undefined && id[2] !== undefined) {
    const name = `${id[1].toUpperCase()}-${id[2]}`;
    direct.push({ id: "open-id", group: "Open", label: name, ...opened(name) });
  }
  if (POSITION.test(wanted)) {
    direct.push({ id: "open-event", group: "Open", label: `Event at ${wanted}`, hint: "event", icon: "event", effect: { kind: "go", to: `/events/${wanted}` } });
  }
  const search = (["incidents", "alerts", "tickets", "events"] as const).map((page): Command => ({
    id: `search-${page}`, group: "Search", label: `${page.charAt(0).toUpperCase()}${page.slice(1)} with “${wanted}”`, hint: "", icon: "search",
    effect: { kind: "go", to: `/${page}`, search: { q: wanted } },
  }));
  return [...direct, ...found, ...search];
}
