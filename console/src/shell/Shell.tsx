/** The frame around every page: rail, top bar, tab bar on a phone, command palette, and the live stream. */
import { Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { useInbox } from "../data/approvals";
import { connect, useConnection } from "../data/live";
import { nameOf, useMay, useMe, useSignOut } from "../data/me";
import { useStats } from "../data/stats";
import { clock, count, exact, initials } from "../parts/format";
import { HelpLink } from "../parts/HelpLink";
import { Brand, Icon } from "../parts/Icon";
import { EmptyState, ErrorState, Loading } from "../parts/states";
import { useNow } from "../parts/time";
import { useFilters } from "./filters";
import { GROUPS, PLACES, placeOf, type Place } from "./navigation";
import { useNamespaces } from "./namespaces";
import { Palette } from "./Palette";
import type { Effect } from "./palette";
import { Pauses } from "./Pauses";
import { Shortcuts } from "./Shortcuts";

export function Shell() {
  const me = useMe();
  const location = useLocation();
  const navigate = useNavigate();
  const signedOut = me.data === null;

  useEffect(() => {
    // The address changes before this frame goes away; without the check it would send to sign-in from sign-in.
    if (signedOut && location.pathname !== "/sign-in") void navigate({ to: "/sign-in", search: location.pathname === "/" ? {} : { back: location.href }, replace: true });
  }, [signedOut, navigate, location.pathname, location.href]);

  if (me.error && me.data === undefined) return <div className="center-stage"><ErrorState error={me.error} retry={() => void me.refetch()} /></div>;
  if (!me.data) return <div className="center-stage"><Loading what="who you are" /></div>;
  return <Frame />;
}

function Frame() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [palette, setPalette] = useState(false);
  const [shortcuts, setShortcuts] = useState(false);
  const { toggleColorScheme } = useMantineColorScheme();
  const signOut = useSignOut();
  const path = useLocation({ select: (location) => location.pathname });
  const place = placeOf(path);

  useEffect(() => connect(client, () => void client.resetQueries({ queryKey: ["me"] })), [client]);

  useEffect(() => {
    document.title = place ? `${place.label} · OnCue` : "OnCue";
  }, [place]);

  const leader = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
        return;
      }
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, [contenteditable], [role='dialog']")) return;
      if (event.key === "/") {
        event.preventDefault();
        const search = document.querySelector<HTMLElement>(".search-field input");
        if (search) search.focus();
        else setPalette(true);
      } else if (event.key === "?") {
        event.preventDefault();
        setShortcuts(true);
      } else if (event.key === "g") leader.current = Date.now();
      else if (Date.now() - leader.current < 1200) {
        leader.current = 0;
        const goal = PLACES.find((each) => each.key === event.key);
        if (goal) void navigate({ to: goal.to });
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);

  const run = (effect: Effect): void => {
    if (effect.kind === "theme") toggleColorScheme();
    else if (effect.kind === "shortcuts") setShortcuts(true);
    else if (effect.kind === "sign-out") signOut.mutate();
    else void navigate({ to: effect.to, search: effect.search ?? {} });
  };

  return (
    <div className="shell">
      <a className="skip" href="#main">Skip to the page</a>
      <Rail path={path} />
      <header className="top">
        <Link to="/" className="phone-only" aria-label={`${place?.label ?? "OnCue"}: go to Now`}><span className="brand" style={{ padding: 0 }}><Brand />{place?.label ?? "OnCue"}</span></Link>
        <NamespaceSwitch />
        <Crumbs place={place} path={path} />
        <button type="button" className="command-button" onClick={() => setPalette(true)}>
          <Icon name="search" size="m" />
          <span>Search or run a command</span>
          <kbd>Ctrl K</kbd>
        </button>
        <LiveMark />
        <ThemeButton />
        <MeMenu showShortcuts={() => setShortcuts(true)} />
      </header>
      <Pauses />
      <main className="main" id="main" tabIndex={-1}><Outlet /></main>
      <TabBar path={path} />
      <Palette opened={palette} onClose={() => setPalette(false)} run={run} />
      <Shortcuts opened={shortcuts} onClose={() => setShortcuts(false)} />
    </div>
  );
}

function Rail({ path }: { path: string }) {
  const may = useMay();
  const [filters] = useFilters();
  const stats = useStats(filters["namespace"]);
  const inbox = useInbox(may("approval:decide"));
  const counts: Record<string, number | undefined> = { "/incidents": stats.data?.openIncidents, "/alerts": stats.data?.firingAlerts, "/approvals": inbox.data?.items.length };
  const here = placeOf(path);
  return (
    <nav className="rail" aria-label="Main">
      <Link to="/" className="brand" aria-label="OnCue"><Brand /><span>OnCue</span></Link>
      {GROUPS.map((group) => {
        const places = group.places.filter((place) => place.permission === undefined || may(place.permission));
        if (places.length === 0) return null;
        return (
          <div key={group.name}>
            <div className="rail-group">{group.name}</div>
            {places.map((place) => (
              <Link key={place.to} to={place.to} className="rail-link" aria-current={here === place ? "page" : undefined} title={`${place.label} (g ${place.key})`} activeProps={{}}>
                <Icon name={place.icon} />
                <span>{place.label}</span>
                {counts[place.to] !== undefined && counts[place.to] !== 0 && <span className={place.to === "/approvals" ? "rail-count mine" : "rail-count"}>{count(counts[place.to] ?? 0)}</span>}
              </Link>
            ))}
          </div>
        );
      })}
      <HelpLink className="rail-link rail-help"><Icon name="unknown" /><span>Handbook</span></HelpLink>
    </nav>
  );
}

const PHONE_TABS = ["/", "/incidents", "/alerts", "/events"];

function TabBar({ path }: { path: string }) {
  const may = useMay();
  const here = placeOf(path);
  const rest = PLACES.filter((place) => !PHONE_TABS.includes(place.to) && (place.permission === undefined || may(place.permission)));
  return (
    <nav className="tabbar" aria-label="Main, phone">
      {PLACES.filter((place) => PHONE_TABS.includes(place.to)).map((place) => (
        <Link key={place.to} to={place.to} aria-current={here === place ? "page" : undefined} activeProps={{}}>
          <Icon name={place.icon} />
          {place.label}
        </Link>
      ))}
      <Menu position="top-end" width={220}>
        <Menu.Target><button type="button"><Icon name="menu" />More</button></Menu.Target>
        <Menu.Dropdown>
          {rest.map((place) => <MenuLink key={place.to} place={place} />)}
        </Menu.Dropdown>
      </Menu>
    </nav>
  );
}

function MenuLink({ place }: { place: Place }) {
  const navigate = useNavigate();
  return <Menu.Item leftSection={<Icon name={place.icon} />} onClick={() => void navigate({ to: place.to })}>{place.label}</Menu.Item>;
}

function Crumbs({ place, path }: { place: Place | undefined; path: string }) {
  if (place === undefined) return null;
  const rest = path.slice(place.under.length).split("/").filter(Boolean).map(decodeURIComponent);
  const deep = rest.length > 0 && !["/integrations", "/admin", "/quiet", "/self-service"].includes(place.under);
  return (
    <nav className="crumbs wide-only" aria-label="Where you are">
      {deep ? <Link to={place.to}>{place.label}</Link> : <b>{place.label}</b>}
      {deep && rest.map((part, index) => (
        <span key={part} className="row" style={{ gap: 6 }}>
          <span aria-hidden="true">/</span>
          {index === rest.length - 1 ? <b className="cut" style={{ maxWidth: 260 }}>{part}</b> : <span>{part}</span>}
        </span>
      ))}
    </nav>
  );
}

function NamespaceSwitch() {
  const [filters, change] = useFilters();
  const names = useNamespaces();
  if (names.length < 2 && !filters["namespace"]) return null;
  return (
    <span className="namespace-switch row">
      <Menu position="bottom-start" width={220}>
        <Menu.Target>
          <button type="button" className="btn ghost" aria-label={filters["namespace"] ? `Namespace ${filters["namespace"]}` : `All namespaces, ${String(names.length)}`}>
            {filters["namespace"] ?? <><span className="wide-only">All namespaces <span className="dim3">{names.length}</span></span><span className="phone-only">All</span></>}
            <Icon name="down" size="s" />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => change({ namespace: undefined })}>All namespaces</Menu.Item>
          {names.map((name) => <Menu.Item key={name} onClick={() => change({ namespace: name })}>{name}</Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      <span className="wide-only" style={{ width: 1, height: 12, background: "var(--line-strong)" }} />
    </span>
  );
}

const CONNECTION_WORDS = { connecting: "Connecting", live: "Live", lost: "Reconnecting" } as const;

function LiveMark() {
  const connection = useConnection();
  const now = useNow();
  return (
    <span className="live" data-state={connection} role="status" title={connection === "live" ? "Changes appear as they are committed" : "What you see may be old; the console connects again by itself"}>
      <span className="live-word">{CONNECTION_WORDS[connection]}</span>
      <time dateTime={new Date(now).toISOString()} title={exact(new Date(now).toISOString())}>{clock(new Date(now).toISOString())}</time>
    </span>
  );
}

function ThemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <button type="button" className="btn ghost square wide-only" aria-label={`Switch to the ${other} theme`} title={`Switch to the ${other} theme`} onClick={() => setColorScheme(other)}>
      <Icon name="theme" />
    </button>
  );
}

function MeMenu({ showShortcuts }: { showShortcuts: () => void }) {
  const me = useMe().data;
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { setColorScheme, colorScheme } = useMantineColorScheme();
  if (!me) return null;
  const name = nameOf(me.user ?? me.actor);
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target><button type="button" className="avatar" aria-label={`${initials(name)}, signed in as ${name}`}>{initials(name)}</button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{name}</Menu.Label>
        {me.bindings.map((binding) => (
          <Menu.Label key={`${binding.role}-${binding.namespace}`}>{binding.role} in {binding.namespace === "*" ? "every namespace" : binding.namespace}</Menu.Label>
        ))}
        <Menu.Divider />
        {me.user !== null && <Menu.Item leftSection={<Icon name="mail" />} onClick={() => void navigate({ to: "/me/notifications" })}>My notifications</Menu.Item>}
        {(["light", "dark", "auto"] as const).map((each) => (
          <Menu.Item key={each} onClick={() => setColorScheme(each)} rightSection={colorScheme === each ? <Icon name="check" size="s" label="in use" /> : null}>
            {each === "auto" ? "Theme of the system" : each === "dark" ? "Dark theme" : "Light theme"}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component="a" href="/help/README.md" target="_blank" rel="noopener">Handbook</Menu.Item>
        <Menu.Item className="wide-only" onClick={showShortcuts} rightSection={<kbd>?</kbd>}>Keyboard shortcuts</Menu.Item>
        <Menu.Item leftSection={<Icon name="lock" />} onClick={() => signOut.mutate()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function NotFound() {
  const near = ["/", "/incidents", "/alerts", "/runs"].flatMap((to) => PLACES.filter((place) => place.to === to));
  return (
    <div className="page">
      <EmptyState title="There is no such page">
        <p>The address may be mistyped, or what it named may be gone. Ctrl K finds everything there is.</p>
        <div className="row wrapping" style={{ justifyContent: "center" }}>{near.map((place) => <Link key={place.to} className="btn" to={place.to}><Icon name={place.icon} size="m" />{place.label}</Link>)}</div>
      </EmptyState>
    </div>
  );
}
