/** A link to a page of the handbook, which the server itself has: it opens beside the console. */
import type { ReactNode } from "react";

export function HelpLink({ page = "README.md", className = "link", children }: { page?: string; className?: string; children: ReactNode }) {
  return <a className={className} href={`/help/${page}`} target="_blank" rel="noopener">{children}</a>;
}
