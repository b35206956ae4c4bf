/** Admin: people, tokens, secrets, and the log of who did what. */
import { Link, useParams } from "@tanstack/react-router";

import { useMay } from "../../data/me";
import { EmptyState } from "../../parts/states";
import { Audit } from "./Audit";
import { People } from "./People";
import { Secrets } from "./Secrets";
import { Tokens } from "./Tokens";

const TABS = [
  { tab: "people", label: "People", permission: "user:read" },
  { tab: "tokens", label: "Tokens", permission: "token:read" },
  { tab: "secrets", label: "Secrets", permission: "secret:read" },
  { tab: "audit", label: "Audit", permission: "audit:read" },
] as const;

export default function AdminPage() {
  const { tab = "people" } = useParams({ strict: false });
  const may = useMay();
  const chosen = TABS.find((each) => each.tab === tab);
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">Admin</h1></div></div>
      <nav className="tabs bare" aria-label="Admin">
        {TABS.filter((each) => may(each.permission)).map((each) => (
          <Link key={each.tab} to="/admin/$tab" params={{ tab: each.tab }} aria-current={tab === each.tab ? "page" : undefined} activeProps={{}}>{each.label}</Link>
        ))}
      </nav>
      {!chosen ? <EmptyState title="There is no such part" />
        : !may(chosen.permission) ? <EmptyState title="You may not see this"><p>It needs the permission <span className="mono">{chosen.permission}</span>. Ask an administrator.</p></EmptyState>
        : tab === "people" ? <People /> : tab === "tokens" ? <Tokens /> : tab === "secrets" ? <Secrets /> : <Audit />}
    </div>
  );
}
