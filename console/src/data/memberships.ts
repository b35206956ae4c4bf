/** Which rule put each alert into an incident. */
import type { Page } from "./http";
import { useDetail } from "./lists";
import type { Membership } from "./types";

/** The memberships of an incident by alert, also of those that went elsewhere. */
export function useMemberships(incident: string): ReadonlyMap<string, Membership> {
  const query = useDetail<Page<Membership>>("incidents", incident, "memberships");
  return new Map((query.data?.items ?? []).map((one) => [one.alert, one]));
}
