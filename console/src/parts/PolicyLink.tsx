/** A policy by its name, `namespace/name@generation`, as a link to its page. */
import { Link } from "@tanstack/react-router";

export function PolicyLink({ policy }: { policy: string }) {
  const [path = "", generation] = policy.split("@");
  const [namespace = "", name = ""] = path.split("/");
  if (name === "") return <span>{policy}</span>;
  return <span><Link className="link" to="/policies/$namespace/$name" params={{ namespace, name }}>{path}</Link>{generation ? ` gen ${generation}` : ""} </span>;
}
