/** Try on this event: what policies would make of it, clause by clause, as they are and as they are being edited. */
import { Textarea } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useShort } from "../../data/lists";
import { useTry, type Asked } from "../../data/policies";
import type { Clause, JournalEvent, Trial, TriedOn, TriedPolicy } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural, sentence } from "../../parts/format";
import { Icon, type IconName } from "../../parts/Icon";
import { isSeverity, ReasonChip, SeverityShape } from "../../parts/marks";
import { PolicyLink } from "../../parts/PolicyLink";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { OUTCOMES, parseEvent, wouldDo } from "./trial";

interface Props {
  namespace: string;
  /** The policy that this is about; the others stand below. */
  policy?: string;
  /** The text that is being edited, where it differs from the one in force and is whole. */
  draft?: string | undefined;
  /** The event to begin with. */
  position?: string | undefined;
  choose?: (position: string) => void;
}

export function TryOn({ namespace, policy, draft, position, choose }: Props) {
  const [picking, setPicking] = useState(false);
  const [pasted, setPasted] = useState("");
  const [given, setGiven] = useState<Asked | null>(null);
  const [came, setCame] = useState(position);
  if (came !== position) {
    setCame(position);
    setGiven(null);
    setPicking(false);
  }
  const chosen: Asked | null = given ?? (position ? { position } : null);
  const asked = chosen === null ? null : { ...chosen, namespace, ...(draft === undefined ? {} : { policy: draft }) };
  const query = useTry(asked);
  const parsed = parseEvent(pasted);
  const take = (next: string): void => {
    setGiven({ position: next });
    setPicking(false);
    choose?.(next);
  };
  return (
    <Card
      id="try" title="Try on an event" scope={given?.event !== undefined ? "pasted" : chosen?.position}
      end={<button type="button" className="btn small" aria-expanded={picking || chosen === null} onClick={() => setPicking(!picking)}>{chosen === null ? "Choose one" : "Another event"}</button>}
    >
      {(picking || chosen === null) && (
        <div className="card-body stack">
          <Recent namespace={namespace} take={take} />
          <Textarea
            label="Or write one as JSON" placeholder={'{"type": "net.lacp.flap", "severity": "major", "resource": "sw-1", "data": {"members": 1}}'} autosize minRows={2} maxRows={10} value={pasted} classNames={{ input: "mono" }}
            error={pasted.trim() !== "" && "wrong" in parsed ? parsed.wrong : undefined} onChange={(event) => setPasted(event.currentTarget.value)}
          />
          <div className="row"><button type="button" className="btn" disabled={!("event" in parsed)} onClick={() => { if ("event" in parsed) { setGiven({ event: parsed.event }); setPicking(false); } }}>Try on this</button></div>
        </div>
      )}
      {query.error && <div className="card-body"><ErrorState error={query.error} /></div>}
      {asked !== null && query.isPending && <Loading what="what would come of it" />}
      {asked !== null && query.data && !query.error && <Result found={query.data} {...(policy ? { policy } : {})} />}
    </Card>
  );
}

function Recent({ namespace, take }: { namespace: string; take: (position: string) => void }) {
  const query = useShort<JournalEvent>("events", { state: "received", namespace, limit: 30 });
  return (
    <div className="picker" role="group" aria-label="Recent events">
      <Loaded query={query} what="recent events">
        {(page) => {
          const events = page.items.filter((row) => !row.type.startsWith("oncue.") || row.type === "oncue.sample");
          if (events.length === 0) return <EmptyState title="Nothing was received lately" />;
          return events.map((row) => (
            <button key={row.position} type="button" className="picker-row as-row" onClick={() => take(row.position)}>
              {isSeverity(row.event.severity) ? <SeverityShape severity={row.event.severity} small /> : <Icon name="event" size="s" />}
              <span className="grow stack" style={{ gap: 0 }}><span className="mono cut">{row.type}</span><span className="t12 dim3 cut">{[row.event.resource ?? row.event.subject, row.event.title].filter(Boolean).join(" · ")}</span></span>
              <span className="t12 dim3 nowrap"><RelativeTime at={row.recorded_at} /></span>
            </button>
          ));
        }}
      </Loaded>
    </div>
  );
}

function Result({ found, policy }: { found: TriedOn; policy?: string }) {
  const wanted = policy ?? found.edited_policy ?? undefined;
  const now = found.in_force.policies.find((one) => one.policy === wanted);
  const edited = found.edited?.policies.find((one) => one.policy === wanted);
  const main = edited ?? now;
  const others = (found.edited ?? found.in_force).policies.filter((one) => one.policy !== wanted);
  return (
    <div aria-live="polite">
      {wanted !== undefined && (main
        ? <One one={main} {...(edited && now ? { before: now } : {})} open draft={edited !== undefined} />
        : <div className="moving-row"><span className="row"><Icon name="quiet" /><b className="med">Does not look at it</b><ReasonChip code="selector" not /></span><span className="t12 dim3">{wanted} takes no events of this type.</span></div>)}
      {others.length > 0 && wanted !== undefined && <p className="eyebrow" style={{ padding: "8px 12px 2px" }}>Other policies</p>}
      {others.map((one) => <One key={one.policy} one={one} open={wanted === undefined && one.outcome !== "not_taken"} named />)}
      {wanted === undefined && others.length === 0 && <EmptyState title="No policy looks at events of this type" />}
      <Effects trial={found.edited ?? found.in_force} />
    </div>
  );
}

const VERDICTS: Record<Clause["verdict"], { icon: IconName; word: string }> = {
  holds: { icon: "check", word: "holds" },
  fails: { icon: "failed", word: "does not hold" },
  unjudged: { icon: "resolved", word: "not judged" },
};

function One({ one, before, open = false, named = false, draft = false }: { one: TriedPolicy; before?: TriedPolicy; open?: boolean; named?: boolean; draft?: boolean }) {
  const said = OUTCOMES[one.outcome];
  const changed = before !== undefined && (before.outcome !== one.outcome || before.reason !== one.reason);
  return (
    <details className="tried" open={open}>
      <summary>
        <span className="row wrapping">
          <Icon name={said.icon} />{named && <span className="wrap">{one.policy}</span>}<b className="med">{said.word}</b><ReasonChip code={one.reason} not={one.outcome !== "fires"} failed={one.outcome === "failed"} />{draft && <span className="tag active-tone">as edited</span>}
        </span>
        {one.detail !== "" && <span className="t12 dim3 wrap">{sentence(one.detail)}</span>}
        {changed && before && <span className="t12 dim3 row wrapping">In force now: {OUTCOMES[before.outcome].word.toLowerCase()} <ReasonChip code={before.reason} not={before.outcome !== "fires"} /></span>}
      </summary>
      <table className="data clauses" aria-label={`Clauses of ${one.policy}`}>
        <thead><tr><th scope="col">Clause</th><th scope="col">Wants</th><th scope="col">Event has</th></tr></thead>
        <tbody>
          {one.clauses.map((clause, index) => (
            <tr key={`${clause.name}-${String(index)}`} className={clause.decides ? "decides" : undefined}>
              <td><span className="row"><Icon name={VERDICTS[clause.verdict].icon} size="s" label={VERDICTS[clause.verdict].word} /><span>{clause.name}</span></span></td>
              <td className="mono wrap">{clause.wants}</td>
              <td className={`mono wrap ${clause.verdict === "unjudged" ? "dim3" : ""}`}>{clause.has}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {named && <p className="list-foot"><PolicyLink policy={one.policy} /></p>}
    </details>
  );
}

function Effects({ trial }: { trial: Trial }) {
  const done = wouldDo(trial);
  return (
    <div className="card-body stack" style={{ gap: 4, borderTop: "1px solid var(--line-soft)" }}>
      <span className="eyebrow">What would come of it, where nothing had happened before</span>
      {done.map((line) => <span key={line} className="wrap">{line}</span>)}
      {trial.others > 0 && <span className="t12 dim3">{plural(trial.others, "other policy", "other policies")} of the namespace {trial.others === 1 ? "does" : "do"} not look at events of this type.</span>}
      <span className="t12 dim3">Conditions over time begin empty, and limits are not used up. <Link className="link" to="/policies">All policies</Link></span>
    </div>
  );
}
