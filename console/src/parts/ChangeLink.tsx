/** A change, or what is on record of one, by its id, as a link to it. */
import { Link } from "@tanstack/react-router";

export function ChangeLink({ id }: { id: string }) {
  return <Link className="link mono" to={id.startsWith("CR-") ? "/changes/reported/$id" : "/changes/$id"} params={{ id }}>{id}</Link>;
}
