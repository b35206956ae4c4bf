/** A change record by its id, as a link to it. */
import { Link } from "@tanstack/react-router";

export function ChangeLink({ id }: { id: string }) {
  return <Link className="link mono" to="/changes/$id" params={{ id }}>{id}</Link>;
}
