/** The parts of a page, each with an address; where they do not all fit, as on a phone, the current one is moved into view. */
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

interface Props {
  label: string;
  to: "/admin/$tab" | "/integrations/$tab" | "/quiet/$tab" | "/self-service/$tab";
  tabs: readonly { tab: string; label: string }[];
  current: string;
}

export function Tabs({ label, to, tabs, current }: Props) {
  const row = useRef<HTMLElement>(null);
  useEffect(() => {
    row.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <nav className="tabs bare" aria-label={label} ref={row}>
      {tabs.map((each) => (
        <Link key={each.tab} to={to} params={{ tab: each.tab }} aria-current={current === each.tab ? "page" : undefined} activeProps={{}}>{each.label}</Link>
      ))}
    </nav>
  );
}
