/** The pages there are, in the rail's groups. */
import type { IconName } from "../parts/Icon";

export interface Place {
  to: "/" | "/incidents" | "/alerts" | "/events" | "/quiet" | "/policies" | "/workflows" | "/runs" | "/tickets" | "/integrations" | "/admin";
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
      { to: "/quiet", under: "/quiet", label: "Quiet", icon: "quiet", key: "q" },
    ],
  },
  {
    name: "Automate",
    places: [
      { to: "/policies", under: "/policies", label: "Policies", icon: "policy", key: "p" },
      { to: "/workflows", under: "/workflows", label: "Workflows", icon: "effect", key: "w" },
      { to: "/runs", under: "/runs", label: "Runs", icon: "run", key: "r" },
    ],
  },
  { name: "Organise", places: [{ to: "/tickets", under: "/tickets", label: "Tickets", icon: "ticket", key: "t" }] },
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
