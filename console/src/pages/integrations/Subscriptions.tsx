/** Subscriptions: who consumes events, how far each is, what it did not take, and how to add one. */
import { Select, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useCommand } from "../../data/commands";
import { post } from "../../data/http";
import { useList, useShort } from "../../data/lists";
import { useMay, useMe } from "../../data/me";
import type { Subscription, Undelivered } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card, Pairs } from "../../parts/Card";
import { Snippet } from "../../parts/Code";
import { count, plural } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { Refused } from "../../parts/Refused";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { NAME } from "./guide";
import { behindText, healthOfSubscription, subscriptionOf, wantsText, yamlOf, type Draft } from "./subscriptions";

const pathOf = (one: Subscription): string => `/subscriptions/${encodeURIComponent(one.namespace)}/${encodeURIComponent(one.name)}`;

const useSteer = () =>
  useCommand(({ one, verb, reason }: { one: Subscription; verb: "pause" | "resume"; reason?: string }) => post(`${pathOf(one)}/${verb}`, reason ? { reason } : {}), ["subscriptions"]);

const useRedriveTo = (one: Subscription) =>
  useCommand((which: { positions: string[] } | { all: true }) => post(`${pathOf(one)}/dead-letters/redrive`, which), ["subscriptions"]);

export function Subscriptions() {
  const [filters] = useFilters();
  const may = useMay();
  const subscriptions = useShort<Subscription>("subscriptions", {}, { refetchInterval: 3000 });
  return (
    <>
      <Loaded query={subscriptions} what="subscriptions">
        {(page) => inNamespace(page.items, filters["namespace"]).length === 0
          ? <EmptyState title="Nobody consumes events yet"><p>A subscription sends events to another system's webhook, or keeps the place of one that reads them.</p></EmptyState>
          : <div className="halves">{inNamespace(page.items, filters["namespace"]).map((one) => <SubscriptionCard key={one.id} one={one} />)}</div>}
      </Loaded>
      {may("manifest:write") && <AddSubscription known={subscriptions.data?.items ?? []} />}
    </>
  );
}

function SubscriptionCard({ one }: { one: Subscription }) {
  const may = useMay();
  const steer = useSteer();
  const [asking, setAsking] = useState(false);
  const health = healthOfSubscription(one);
  const steers = one.delivery === "webhook" && may("subscription:steer", one.namespace);
  return (
    <Card id={`subscription-${one.namespace}-${one.name}`} title={one.name} scope={`${one.delivery}, ${one.namespace}`} className="clip" end={<StateMark state={health.state} text={health.text} />}>
      <div className="card-body stack" style={{ gap: 8 }}>
        {one.description && <p className="wrap">{one.description}</p>}
        {one.error_code && <p className="failure wrap" role="alert">{one.error_code}: {one.detail}</p>}
        <Pairs
          entries={[
            ["Asks for", <span key="wants" className="wrap">{wantsText(one)}</span>],
            ["Sent to", one.url && <span className="mono wrap">{one.url}{one.mode === "structured" ? "" : ` (${String(one.mode)})`}</span>],
            ["Delivered", one.delivery === "webhook" ? <>{count(one.delivered)}{one.last_delivered_at && <>, the last <RelativeTime at={one.last_delivered_at} suffix=" ago" /></>}</> : null],
            ["Behind", behindText(one)],
            ["Next try", one.next_try_at && <>{plural(one.attempts, "attempt")} so far, the next at <span className="mono">{one.next_try_at.slice(11, 19)}Z</span></>],
            ["Last error", one.last_error && one.state === "active" ? <span className="wrap">{one.last_error} <RelativeTime at={one.last_error_at} suffix=" ago" /></span> : null],
            ["Place", <span key="place" className="mono">{one.settled}</span>],
            ["Gaps", one.gaps > 0 ? `${plural(one.gaps, "time")} events were past retention before they could be delivered` : null],
          ]}
        />
        {steers && (
          <div className="row wrapping">
            {one.state !== "paused" && <button type="button" className="btn small" onClick={() => setAsking(true)}>Pause…</button>}
            {one.state !== "active" && <button type="button" className="btn small" disabled={steer.isPending} onClick={() => steer.mutate({ one, verb: "resume" })}>{one.state === "failing" ? "Try now" : "Resume"}</button>}
          </div>
        )}
        {steer.error && <ErrorState error={steer.error} />}
      </div>
      {(one.dead_letters > 0 || one.redriving > 0) && may("dead_letter:read", one.namespace) && <Letters one={one} />}
      <Ask
        opened={asking} onClose={() => setAsking(false)} title={`Pause ${one.name}`} act="Pause" field={{ label: "Reason", placeholder: "For whoever wonders later" }}
        effect="Nothing is sent until it is resumed. Its place is kept: what comes meanwhile is delivered then, as long as retention keeps it."
        run={(reason) => steer.mutateAsync({ one, verb: "pause", reason })}
      />
    </Card>
  );
}

function Letters({ one }: { one: Subscription }) {
  const may = useMay();
  const redrive = useRedriveTo(one);
  const [open, setOpen] = useState(false);
  return (
    <div className="card-body stack" style={{ gap: 8, borderTop: "1px solid var(--line-soft)" }}>
      <div className="row wrapping">
        <button type="button" className="btn small" aria-expanded={open} onClick={() => setOpen(!open)}>{plural(one.dead_letters, "dead letter")}{one.dead_letters >= 10_000 ? " or more" : ""}</button>
        {one.redriving > 0 && <span className="dim t12">{plural(one.redriving, "letter")} on the way again</span>}
        {one.dead_letters > 0 && may("dead_letter:redrive", one.namespace) && <button type="button" className="btn small end" disabled={redrive.isPending} onClick={() => redrive.mutate({ all: true })}>Redrive all</button>}
      </div>
      {redrive.error && <ErrorState error={redrive.error} />}
      {open && <LetterList one={one} redrive={redrive} />}
    </div>
  );
}

function LetterList({ one, redrive }: { one: Subscription; redrive: ReturnType<typeof useRedriveTo> }) {
  const may = useMay();
  const list = useList<Undelivered>("subscriptions", { state: "waiting", of: one.id }, { path: `${pathOf(one)}/dead-letters`, refetchInterval: 5000 });
  if (list.error) return <ErrorState error={list.error} retry={list.retry} />;
  if (list.isLoading) return <Loading what="dead letters" />;
  return (
    <>
      <ul aria-label={`Dead letters of ${one.name}`}>
        {list.items.map((letter) => (
          <li key={letter.id} className="moving-row">
            <span className="row wrapping">
              <span className="reason not">{letter.code}</span><span className="mono">{letter.type}</span>
              <span className="dim3 end"><RelativeTime at={letter.created_at} suffix=" ago" /></span>
              {may("dead_letter:redrive", one.namespace) && <button type="button" className="btn small" disabled={redrive.isPending} onClick={() => redrive.mutate({ positions: [letter.event_position] })}>Redrive</button>}
            </span>
            <span className="wrap">{letter.detail}</span>
            <span className="t12 dim3 wrap">after {plural(letter.attempts, "attempt")}; event <Link className="link" to="/events/$position" params={{ position: letter.event_position }}>{letter.event_position}</Link>, id {letter.event_id}</span>
          </li>
        ))}
      </ul>
      {list.more && <div className="list-foot"><button type="button" className="btn small" onClick={list.loadMore}>Show more than {plural(list.items.length, "letter")}</button></div>}
    </>
  );
}

const SOME = { facts: "oncue.incident.*", inputs: "", both: "" } as const;

function AddSubscription({ known }: { known: readonly Subscription[] }) {
  const me = useMe().data;
  const may = useMay();
  const [filters] = useFilters();
  const [draft, setDraft] = useState<Draft>({ name: "erp", namespace: filters["namespace"] ?? me?.home ?? "default", events: "facts", types: SOME.facts, url: "https://erp.example.com/oncue", secret: "erp-webhook", mode: "structured" });
  const change = (part: Partial<Draft>): void => setDraft({ ...draft, ...part });
  const apply = useCommand((manifest: Record<string, unknown>) => post<unknown>("/manifests", manifest), ["subscriptions"]);
  const taken = known.some((one) => one.id === `${draft.namespace}/${draft.name}`);
  const valid = NAME.test(draft.name) && NAME.test(draft.namespace) && (draft.url === "" || /^(https?|secret):\/\/./.test(draft.url));
  return (
    <Card id="add-subscription" title="Add a subscription">
      <div className="card-body stack">
        <div className="fields">
          <TextInput label="Name" value={draft.name} error={NAME.test(draft.name) ? (taken ? "There is one of this name" : null) : "Lower-case letters, digits, - and ."} onChange={(event) => change({ name: event.currentTarget.value })} />
          <TextInput label="Namespace" value={draft.namespace} onChange={(event) => change({ namespace: event.currentTarget.value })} />
          <Select label="Events" allowDeselect={false} data={[{ value: "facts", label: "What OnCue says" }, { value: "inputs", label: "What comes from outside" }, { value: "both", label: "Both" }]} value={draft.events} onChange={(value) => change({ events: value ?? "facts" })} />
          <TextInput label="Types" placeholder="All" value={draft.types} onChange={(event) => change({ types: event.currentTarget.value })} />
          <TextInput label="Address of its webhook" placeholder="None: it reads them as a stream" value={draft.url} onChange={(event) => change({ url: event.currentTarget.value })} />
          {draft.url !== "" && <TextInput label="Secret of the signature" placeholder="Its name" value={draft.secret} onChange={(event) => change({ secret: event.currentTarget.value })} />}
          {draft.url !== "" && <Select label="Mode" allowDeselect={false} data={["structured", "binary", "batch"]} value={draft.mode} onChange={(value) => change({ mode: value ?? "structured" })} />}
        </div>
        {draft.url !== "" && draft.secret !== "" && <Snippet text={`oncue secret set ${draft.secret} -n ${draft.namespace}`} label="How to set the secret" />}
        <Snippet text={yamlOf(draft)} label="The manifest of the subscription" />
        <div className="row wrapping">
          {may("manifest:write", draft.namespace) && <button type="button" className="btn" disabled={!valid || taken || apply.isPending} onClick={() => apply.mutate(subscriptionOf(draft))}>Apply as it stands</button>}
          <span className="t12 dim3">or change it, and <span className="mono">oncue apply -f subscription.yaml</span></span>
        </div>
        {apply.error && <Refused error={apply.error} text={JSON.stringify(subscriptionOf(draft))} namespace={draft.namespace} />}
      </div>
    </Card>
  );
}
