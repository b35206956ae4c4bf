/** Admin: people, tokens, secrets, the log of who did what, and who watches the server itself. */
import { useParams } from "@tanstack/react-router";

import { useMay } from "../../data/me";
import { EmptyState } from "../../parts/states";
import { Tabs } from "../../parts/Tabs";
import { Audit } from "./Audit";
import { People } from "./People";
import { Secrets } from "./Secrets";
import { Tokens } from "./Tokens";
import { Watch } from "./Watch";

const TABS = [
  { tab: "people", label: "People", permission: "user:read" },
  { tab: "tokens", label: "Tokens", permission: "token:read" },
  { tab: "secrets", label: "Secrets", permission: "secret:read" },
  { tab: "audit", label: "Audit", permission: "audit:read" },
  { tab: "server", label: "This server", permission: "metrics:read", everywhere: true },
] as const;

type Tab = { tab: string; label: string; permission: string; everywhere?: boolean };

export default function AdminPage() {
  const { tab = "people" } = useParams({ strict: false });
  const may = useMay();
  const chosen: Tab | undefined = TABS.find((each) => each.tab === tab);
  const shown = (each: Tab): boolean => may(each.permission, each.everywhere ? "*" : undefined);
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">Admin</h1></div></div>
      <Tabs label="Admin" to="/admin/$tab" tabs={TABS.filter(shown)} current={tab} />
      {!chosen ? <EmptyState title="There is no such part" />
        : !shown(chosen) ? <EmptyState title="You may not see this"><p>It needs the permission <span className="mono">{chosen.permission}</span>. Ask an administrator.</p></EmptyState>
        : tab === "people" ? <People /> : tab === "tokens" ? <Tokens /> : tab === "secrets" ? <Secrets /> : tab === "audit" ? <Audit /> : <Watch />}
    </div>
  );
}
