/** The pages there are, in the rail's groups. */
import type { IconName } from "../parts/Icon";

export interface Place {
  to: "/" | "/incidents" | "/alerts" | "/events" | "/services" | "/quiet" | "/policies" | "/workflows" | "/runs" | "/self-service" | "/changes" | "/approvals" | "/tickets" | "/problems" | "/on-call" | "/handover" | "/integrations" | "/admin";
  /** Addresses under it count as this page. */
  under: string;
  label: string;
  icon: IconName;
  /** The key after `g` that goes there. */
  key: string;
  permission?: string;
}

export const GROUPS: readonly { name: string; places: readonly Place[] }[] = [
  {
    name: "Operate",
    places: [
      { to: "/", under: "/", label: "Now", icon: "now", key: "n" },
      { to: "/incidents", under: "/incidents", label: "Incidents", icon: "incident", key: "i" },
      { to: "/alerts", under: "/alerts", label: "Alerts", icon: "alert", key: "a" },
      { to: "/events", under: "/events", label: "Events", icon: "event", key: "e" },
      { to: "/services", under: "/services", label: "Services", icon: "service", key: "s" },
      { to: "/changes", under: "/changes", label: "Changes", icon: "change", key: "d" },
      { to: "/approvals", under: "/approvals", label: "Approvals", icon: "check", key: "v", permission: "approval:read" },
      { to: "/quiet", under: "/quiet", label: "Quiet", icon: "quiet", key: "q" },
    ],
  },
  {
    name: "Automate",
    places: [
      { to: "/policies", under: "/policies", label: "Policies", icon: "policy", key: "p" },
      { to: "/workflows", under: "/workflows", label: "Workflows", icon: "effect", key: "w" },
      { to: "/runs", under: "/runs", label: "Runs", icon: "run", key: "r" },
      { to: "/self-service", under: "/self-service", label: "Self-service", icon: "form", key: "f", permission: "request:read" },
    ],
  },
  {
    name: "Organise",
    places: [
      { to: "/tickets", under: "/tickets", label: "Tickets", icon: "ticket", key: "t" },
      { to: "/problems", under: "/problems", label: "Problems", icon: "problem", key: "b" },
      { to: "/on-call", under: "/on-call", label: "On-call", icon: "call", key: "o", permission: "manifest:read" },
      { to: "/handover", under: "/handover", label: "Handover", icon: "clock", key: "h" },
    ],
  },
  {
    name: "Set up",
    places: [
      { to: "/integrations", under: "/integrations", label: "Integrations", icon: "plug", key: "c" },
      { to: "/admin", under: "/admin", label: "Admin", icon: "admin", key: "m", permission: "user:read" },
    ],
  },
];

export const PLACES: readonly Place[] = GROUPS.flatMap((group) => group.places);

/** The place an address belongs to. */
export function placeOf(path: string): Place | undefined {
  return PLACES.find((place) => (place.under === "/" ? path === "/" : path === place.under || path.startsWith(`${place.under}/`)));
}
