/** The pages of changes: what is planned and made here, when, and what others report. */
import { Link } from "@tanstack/react-router";

const TABS = [
  { to: "/changes", label: "Changes" },
  { to: "/changes/calendar", label: "Calendar" },
  { to: "/changes/reported", label: "Reported" },
] as const;

export function ChangeTabs({ current }: { current: (typeof TABS)[number]["to"] }) {
  return (
    <nav className="tabs bare" aria-label="Changes">
      {TABS.map(({ to, label }) => <Link key={to} to={to} activeOptions={{ exact: true }} activeProps={{}} aria-current={current === to ? "page" : undefined}>{label}</Link>)}
    </nav>
  );
}
