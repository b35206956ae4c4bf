/** On-call: escalation policies with their levels, the channels and whether they work, and how people are told. */
import { Link } from "@tanstack/react-router";

import { useFailingChannels, useReaching } from "../../data/calling";
import type { Manifest } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { ChannelTest } from "./ChannelTest";
import { levels, person, said, terms, waysOf } from "./view";

export default function OnCallPage() {
  const [filters] = useFilters();
  const query = useReaching(filters["namespace"]);
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">On-call</h1><p className="dim">Who is called for an incident, one after the other, and by which ways. <HelpLink page="how-to/escalation.md">How to set it up</HelpLink></p></div></div>
      {query.error && !query.data ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : !query.data ? <Loading what="who is called" /> : (
        <>
          <Policies policies={query.data.EscalationPolicy} teams={query.data.Team} />
          <div className="halves">
            <Channels channels={query.data.Channel} />
            <People people={query.data.Person} />
          </div>
        </>
      )}
    </div>
  );
}

function Policies({ policies, teams }: { policies: readonly Manifest[]; teams: readonly Manifest[] }) {
  return (
    <Card title="Escalation policies" scope={policies.length > 0 ? plural(policies.length, "policy", "policies") : undefined}>
      {policies.length === 0
        ? <EmptyState title="No escalation policy is in force"><p>Without one, the channels of the team that owns a service are told once. Apply an EscalationPolicy and name it in a Team or a Service with <span className="mono">escalation</span>.</p></EmptyState>
        : policies.map((policy) => {
          const used = teams.filter((team) => team.namespace === policy.namespace && team.spec["escalation"] === policy.name).map((team) => team.name);
          return (
            <div key={policy.id} className="called">
              <div className="row wrapping">
                <Link className="link med" to="/on-call/$namespace/$name" params={{ namespace: policy.namespace, name: policy.name }}>{policy.name}</Link>
                <span className="dim3">{policy.namespace}</span>
                {used.length > 0 && <span className="t12 dim">of {used.join(", ")}</span>}
                <span className="end"><Link className="btn small" aria-label={`Plan of ${policy.name}`} to="/on-call/$namespace/$name" params={{ namespace: policy.namespace, name: policy.name }}>Plan</Link></span>
              </div>
              {said(policy) && <p className="t12 dim wrap">{said(policy)}</p>}
              <ol className="ladder" aria-label={`Levels of ${policy.name}`}>
                {levels(policy).map((level, index) => (
                  <li key={index}><span className="dim3">{index + 1}</span><span className="mono wrap">{level.tell}</span><span className="end dim3 nowrap">waits {level.wait}</span></li>
                ))}
              </ol>
              {terms(policy).length > 0 && <p className="t12 dim3 wrap">{terms(policy).join("; ")}</p>}
            </div>
          );
        })}
    </Card>
  );
}

function Channels({ channels }: { channels: readonly Manifest[] }) {
  const failing = useFailingChannels();
  return (
    <Card title="Channels" scope={channels.length > 0 ? plural(channels.length, "channel") : undefined}>
      {channels.length === 0
        ? <EmptyState title="No channel is in force"><p>A Channel is a way to tell someone: e-mail, webhook, chat. Apply one and name it in a Team or a Person.</p></EmptyState>
        : channels.map((channel) => {
          const alert = failing.get(`${channel.namespace}/${channel.name}`);
          const failover = Array.isArray(channel.spec["failover"]) ? (channel.spec["failover"] as string[]) : [];
          return (
            <div key={channel.id} className="moving-row">
              <span className="row wrapping">
                <b className="med">{channel.name}</b><span className="tag">{String(channel.spec["type"] ?? "")}</span><span className="dim3">{channel.namespace}</span>
                <span className="end row wrapping"><ChannelTest namespace={channel.namespace} name={channel.name} /></span>
              </span>
              {alert && <span className="row wrapping"><StateMark state="failing" text="Cannot be reached" /><span className="t12 dim">since <RelativeTime at={alert.first_seen_at} /></span><Link className="link t12" to="/alerts/$id" params={{ id: alert.id }}>its alert</Link></span>}
              {failover.length > 0 && <span className="t12 dim3 wrap">where it cannot be reached: {failover.join(", then ")}</span>}
            </div>
          );
        })}
    </Card>
  );
}

function People({ people }: { people: readonly Manifest[] }) {
  return (
    <Card title="People" scope={people.length > 0 ? plural(people.length, "person", "people") : undefined}>
      {people.length === 0
        ? <EmptyState title="Nobody has said how to be told"><p>A Person says by which channels, and when not. People set it themselves, or it is applied with all else.</p></EmptyState>
        : people.map((one) => {
          const spec = person(one);
          const important = waysOf(spec.important);
          return (
            <div key={one.id} className="moving-row">
              <span className="row wrapping"><b className="med">{one.name}</b>{spec.title && <span className="dim">{spec.title}</span>}<span className="dim3">{one.namespace}</span></span>
              <span className="t12 dim wrap">P1 and P2: {important || waysOf(spec.default)}</span>
              <span className="t12 dim wrap">All else: {waysOf(spec.default)}{spec.quiet_hours && <>, not {spec.quiet_hours}</>}</span>
            </div>
          );
        })}
    </Card>
  );
}
