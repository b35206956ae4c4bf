/** Who notices when this server is not well: something outside, and its own monitors. */
import { Link } from "@tanstack/react-router";

import { useItself } from "../../data/itself";
import type { Itself, Monitor } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { Snippet } from "../../parts/Code";
import { duration, exact, plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { MonitorMark } from "../integrations/MonitorMark";
import { nameOf } from "../integrations/view";
import { OUTSIDE, unwell } from "./view";

export function Watch() {
  const query = useItself(true);
  return (
    <Loaded query={query} what="who watches this server">
      {(found) => <><Outside outside={found.outside} /><Inside monitors={found.monitors} /></>}
    </Loaded>
  );
}

const CONFIGURATION = `[dead_man]
url = "secret://dead-man"
every_s = 60`;

function Outside({ outside }: { outside: Itself["outside"] }) {
  return (
    <Card title="From outside" scope="the dead-man ping" end={<StateMark {...OUTSIDE[outside.state]} />}>
      {!outside.set_up
        ? (
          <div className="card-body stack">
            <p className="med">Nobody outside notices when this server stops.</p>
            <p className="dim">A server that is down cannot say so. OnCue can call an address for as long as it truly works, and a service there raises the alarm when the calls stay away: healthchecks.io, Uptime Kuma, Dead Man’s Snitch, or another OnCue.</p>
            <ol className="guide">
              <li className="stack"><p>Make a check there, and keep its address as a secret:</p><Snippet text="oncue secret set dead-man" label="The command that keeps the address" /></li>
              <li className="stack"><p>Name it in <span className="mono">oncue.toml</span> of the data directory, and restart the server:</p><Snippet text={CONFIGURATION} label="The part of oncue.toml" /></li>
            </ol>
            <p><HelpLink page="how-to/watch-oncue-from-outside.md">All of it, step by step</HelpLink></p>
          </div>
        )
        : (
          <div className="card-body stack">
            {outside.state !== "ok" && <p className={outside.state === "fail" ? "failure" : "dim"}>{outside.seen}. {outside.hint}</p>}
            <Pairs
              entries={[
                ["Told", <span key="h" className="mono">{outside.host}</span>],
                ["Last told", outside.last_success_at ? <span key="l" title={exact(outside.last_success_at)}><RelativeTime at={outside.last_success_at} suffix=" ago" /></span> : "not since the worker started"],
                ["Last refused", outside.last_error_at ? <span key="e" title={exact(outside.last_error_at)}><RelativeTime at={outside.last_error_at} suffix=" ago" /></span> : null],
                ["Every", outside.every_s === null ? null : duration(outside.every_s * 1000)],
              ]}
            />
            <p><HelpLink page="how-to/watch-oncue-from-outside.md">What the call proves, and how to change it</HelpLink></p>
          </div>
        )}
    </Card>
  );
}

function Inside({ monitors }: { monitors: readonly Monitor[] }) {
  const bad = monitors.filter(unwell).length;
  return (
    <Card title="From inside" scope={monitors.length > 0 ? `${plural(monitors.length, "monitor")}, ${bad === 0 ? "all well" : `${String(bad)} not well`}` : undefined} end={<Link to="/integrations/$tab" params={{ tab: "monitors" }}>Charts</Link>}>
      {monitors.length === 0
        ? <EmptyState title="No monitor watches this server"><p>The starter has them, with limits and runbooks:</p><pre className="code boxed">oncue apply -f examples/starter/10-people.yaml -f examples/starter/25-oncue.yaml</pre></EmptyState>
        : (
          <ul>
            {monitors.map((monitor) => (
              <li key={monitor.manifest?.id} className="moving-row">
                <span className="row"><b className="med">{nameOf(monitor)}</b><span className="dim3 t12">{String(monitor.manifest?.spec["uses"] ?? "")}</span><span className="end"><MonitorMark state={monitor.state} /></span></span>
                {unwell(monitor) && monitor.state?.detail && <span className="t12 dim wrap">{monitor.state.detail}</span>}
              </li>
            ))}
          </ul>
        )}
      <div className="list-foot"><HelpLink page="how-to/oncue-itself.md">What each alarm means, and what to do</HelpLink></div>
    </Card>
  );
}
