/** A resource or service, as a link to its page. */
import { Link } from "@tanstack/react-router";

import type { Place } from "../data/types";

export function PlaceLink({ place }: { place: Pick<Place, "namespace" | "id" | "name"> }) {
  return <Link className="link" to="/services/$namespace/$id" params={{ namespace: place.namespace, id: place.id }}>{place.name}</Link>;
}
