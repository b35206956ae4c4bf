/** Approvals: what waits for me, what I asked for, and what was decided. */
import { Link } from "@tanstack/react-router";

import { useInbox } from "../../data/approvals";
import { useDetail, useShort } from "../../data/lists";
import type { Approval, ApprovalDetail } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural, sentence } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { Deciding } from "./Deciding";
import { said, soonest, stagesOf } from "./view";

const OVER = ["approved", "rejected", "expired", "cancelled"];

export default function ApprovalsPage() {
  const [filters] = useFilters();
  const inbox = useInbox();
  const namespace = filters["namespace"];
  const others = useShort<Approval>("approvals", { state: ["pending"], namespace, limit: 100 });
  const over = useShort<Approval>("approvals", { state: OVER, namespace, limit: 50 });
  const mine = soonest(inNamespace(inbox.data?.items ?? [], namespace));
  const shown = filters["show"] ?? mine[0]?.id;
  const known = new Set([...(inbox.data?.items ?? []), ...(inbox.data?.own ?? [])].map((one) => one.id));
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">Approvals</h1><p className="dim">Runs and changes that wait until enough people agree. Nobody decides what they asked for.</p></div></div>
      <div className="columns wide-side start-first">
        <div>
          <Loaded query={inbox} what="what waits for you">
            {(found) => (
              <>
                <List title="Wait for you" approvals={mine} shown={shown} empty={<EmptyState title="Nothing waits for you"><p>A step with <span className="mono">approvals</span> stops its run until those it names have agreed. What asks you shows here, and reaches you by your channels.</p></EmptyState>} />
                <List title="Asked for by you" approvals={soonest(inNamespace(found.own, namespace))} shown={shown} empty={null} />
              </>
            )}
          </Loaded>
          <Loaded query={others} what="approvals">{(page) => <List title="Wait for others" approvals={soonest(page.items.filter((one) => !known.has(one.id)))} shown={shown} empty={null} />}</Loaded>
          <Loaded query={over} what="what was decided">{(page) => <List title="Decided" scope="the newest 50" approvals={page.items} shown={shown} empty={<EmptyState title="Nothing was decided yet" />} />}</Loaded>
        </div>
        <div>{shown === undefined ? null : <Shown key={shown} id={shown} />}</div>
      </div>
    </div>
  );
}

function Shown({ id }: { id: string }) {
  const query = useDetail<ApprovalDetail>("approvals", id);
  return <Loaded query={query} what={id}>{(approval) => <Deciding approval={approval} />}</Loaded>;
}

function List({ title, scope, approvals, shown, empty }: { title: string; scope?: string; approvals: readonly Approval[]; shown: string | undefined; empty: React.ReactNode }) {
  if (approvals.length === 0 && empty === null) return null;
  return (
    <Card title={title} scope={scope ?? (approvals.length > 0 ? plural(approvals.length, "approval") : undefined)}>
      {approvals.length === 0 ? empty : approvals.map((one) => (
        <Link key={one.id} to="/approvals" search={(old) => ({ ...old, show: one.id })} replace className="moving-row" aria-current={one.id === shown ? "true" : undefined}>
          <span className="row"><span className="med wrap grow">{one.ask}</span>{one.state !== "pending" && <span className="end"><StateMark state={one.state} /></span>}</span>
          <span className="row t12 dim3">
            <span className="mono">{one.id}</span>{one.change ? <span className="mono">{one.change}</span> : <span className="cut">{one.workflow}</span>}<Far approval={one} />{one.state !== "pending" && said(one) !== "" && <span className="cut">{said(one)}</span>}
            <span className="end nowrap">{one.state === "pending" ? <>ends <RelativeTime at={one.expires_at} /></> : <RelativeTime at={one.ended_at ?? one.updated_at} suffix=" ago" />}</span>
          </span>
        </Link>
      ))}
    </Card>
  );
}

function Far({ approval }: { approval: Approval }) {
  const stage = stagesOf(approval).find((one) => one.now === "asked");
  return stage === undefined ? null : <span className="nowrap">{sentence(stage.name)} {stage.count}{approval.stages.length > 1 && `, stage ${String((approval.at ?? 0) + 1)} of ${String(approval.stages.length)}`}</span>;
}
