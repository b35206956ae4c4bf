/** How one is told of incidents oneself: by which channels, after how long, and when not. */
import { Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { useContact, useReaching, useSetContact } from "../../data/calling";
import { Problem } from "../../data/http";
import { useMe } from "../../data/me";
import type { Manifest, PersonSpec, Rung } from "../../data/types";
import { Card } from "../../parts/Card";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { ChannelTest } from "../oncall/ChannelTest";
import { person } from "../oncall/view";

export default function NotificationsPage() {
  const me = useMe().data;
  const [filters] = useFilters();
  if (!me) return null;
  const place = filters["namespace"] ?? me.home;
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">My notifications</h1><p className="dim">How you are told of incidents in <b className="med">{place}</b> when an escalation calls you. <HelpLink page="how-to/escalation.md">Who is called, and when</HelpLink></p></div></div>
      <Contact key={place} place={place} name={me.user ?? ""} />
    </div>
  );
}

function Contact({ place, name }: { place: string; name: string }) {
  const contact = useContact(place);
  const reaching = useReaching(place);
  const error = contact.error ?? reaching.error;
  if (contact.error instanceof Problem && contact.error.status === 403) {
    return <EmptyState title={`You are not called in ${place}`}><p>Only those who may acknowledge incidents there are. Ask an administrator for the role responder.</p></EmptyState>;
  }
  if (error && (contact.data === undefined || !reaching.data)) return <ErrorState error={error} retry={() => { void contact.refetch(); void reaching.refetch(); }} />;
  if (contact.data === undefined || !reaching.data) return <Loading what="how you are told" />;
  if (reaching.data.Channel.length === 0) return <NoChannel place={place} name={name} />;
  return <Form place={place} contact={contact.data} channels={reaching.data.Channel.map((channel) => channel.name)} />;
}

function NoChannel({ place, name }: { place: string; name: string }) {
  return (
    <EmptyState title={`Nothing can reach you in ${place} yet`}>
      <p>There is no channel there. Ask an administrator to apply one that is yours, such as this; then choose it here.</p>
      <pre className="code boxed">{`apiVersion: oncue/v1\nkind: Channel\nmetadata: {name: ${name}-mail, namespace: ${place}}\nspec: {type: email, with: {to: [YOUR ADDRESS]}}`}</pre>
    </EmptyState>
  );
}

type Draft = { important: Rung[]; default: Rung[]; quiet_hours: string };

function draftOf(contact: Manifest | null, channels: readonly string[]): Draft {
  if (contact === null) return { important: [], default: [{ channel: channels[0] ?? "", after: "0s" }], quiet_hours: "" };
  const spec = person(contact);
  return { important: spec.important ?? [], default: spec.default, quiet_hours: spec.quiet_hours ?? "" };
}

function Form({ place, contact, channels }: { place: string; contact: Manifest | null; channels: readonly string[] }) {
  const set = useSetContact();
  const saved = draftOf(contact, channels);
  const [draft, setDraft] = useState(saved);
  const changed = contact === null || JSON.stringify(draft) !== JSON.stringify(saved);
  const change = (part: Partial<Draft>): void => {
    set.reset();
    setDraft({ ...draft, ...part });
  };
  const save = (): void => {
    const title = contact === null ? undefined : person(contact).title;
    const clean = (rungs: Rung[]): Rung[] => rungs.map((rung) => ({ channel: rung.channel, after: rung.after?.trim() || "0s" }));
    const spec: PersonSpec = { default: clean(draft.default), important: clean(draft.important), ...(title ? { title } : {}), ...(draft.quiet_hours.trim() ? { quiet_hours: draft.quiet_hours.trim() } : {}) };
    set.mutate({ namespace: place, spec }, { onSuccess: (stored) => setDraft(draftOf(stored, channels)) });
  };
  const used = [...new Set([...draft.important, ...draft.default].map((rung) => rung.channel))].filter((channel) => channel !== "");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      {contact === null && <div className="notice"><Icon name="problem" /><span>You have not said yet how to tell you: an escalation that calls you reaches nobody. Choose below, and save.</span></div>}
      <div className="halves">
        <Rungs title="What cannot wait" scope="P1, P2 and missed targets" empty="As all else, on the right or below." rungs={draft.important} channels={channels} least={0} change={(important) => change({ important })} />
        <Rungs title="All else" scope="P3 and below" empty="" rungs={draft.default} channels={channels} least={1} change={(rungs) => change({ default: rungs })} />
      </div>
      <div className="halves">
        <Card title="Quiet hours" scope="for what can wait">
          <div className="card-body">
            <TextInput label="When you are told of nothing that can wait; it comes at their end" placeholder="daily 22:00-07:00 Europe/Berlin" value={draft.quiet_hours} onChange={(event) => change({ quiet_hours: event.currentTarget.value })} />
          </div>
        </Card>
        <Card title="Try it" scope="one message, now">
          {used.map((channel) => <div key={channel} className="moving-row"><span className="row wrapping"><span className="med">{channel}</span><span className="end row wrapping"><ChannelTest namespace={place} name={channel} /></span></span></div>)}
        </Card>
      </div>
      {set.error && <ErrorState error={set.error} />}
      <div className="row wrapping">
        <button type="submit" className="btn primary" disabled={!changed || set.isPending}>Save</button>
        {changed && contact !== null && <button type="button" className="btn" onClick={() => change(saved)}>Take back</button>}
        <span role="status" className="dim">{set.isSuccess && !changed ? "Saved: it holds from now on." : ""}</span>
      </div>
    </form>
  );
}

interface RungsProps {
  title: string;
  scope: string;
  empty: string;
  rungs: readonly Rung[];
  channels: readonly string[];
  /** How many there must be. */
  least: number;
  change: (rungs: Rung[]) => void;
}

/** The server takes so many. */
const MOST = 10;

function Rungs({ title, scope, empty, rungs, channels, least, change }: RungsProps) {
  const put = (index: number, part: Partial<Rung>): void => change(rungs.map((rung, at) => (at === index ? { ...rung, ...part } : rung)));
  // A channel is told once, as soon as any of its rows says: a second row of it would do nothing.
  const free = (but?: string): string[] => channels.filter((channel) => channel === but || !rungs.some((rung) => rung.channel === channel));
  const next = free()[0];
  return (
    <Card
      title={title} scope={scope}
      end={rungs.length < MOST && next !== undefined && <button type="button" className="btn small" aria-label={`Add a channel to: ${title}`} onClick={() => change([...rungs, { channel: next, after: rungs.length === 0 ? "0s" : "5m" }])}><Icon name="plus" size="m" />Channel</button>}
    >
      {rungs.length === 0 && <p className="card-body dim">{empty}</p>}
      {rungs.map((rung, index) => (
        // Ways have no name of their own; the fields hold no state that could stay behind.
        <div key={index} className="moving-row">
          <div className="row" style={{ alignItems: "end" }}>
            <Select className="grow" size="xs" label="Channel" allowDeselect={false} data={[...new Set([...free(rung.channel), rung.channel])]} value={rung.channel} onChange={(channel) => put(index, { channel: channel ?? rung.channel })} />
            <TextInput size="xs" w={96} label="After" placeholder="0s" value={rung.after ?? "0s"} onChange={(event) => put(index, { after: event.currentTarget.value })} />
            <button type="button" className="btn small square" aria-label={`Take ${rung.channel} away`} title="Take away" disabled={rungs.length <= least} onClick={() => change(rungs.filter((_, at) => at !== index))}><Icon name="close" size="m" /></button>
          </div>
        </div>
      ))}
      {rungs.length > 0 && <p className="t12 dim3" style={{ padding: "6px 12px" }}>Each is used if nobody has acknowledged by then; 0s is at once.</p>}
    </Card>
  );
}
