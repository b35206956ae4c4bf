/** One approval: what is asked, who must agree and what they said; and, for those who are asked, the answer. */
import { Textarea } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useDecide, useDelegate, useInbox } from "../../data/approvals";
import { nameOf, useMay, useMe } from "../../data/me";
import type { Approval, ApprovalDetail } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card, Pairs } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { exact, relative, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { StateMark } from "../../parts/marks";
import { ErrorState } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { mayApprove, onExpiry, short, stagesOf } from "./view";
import { WhatFollows } from "./WhatFollows";

/** `within` the page of the run or the change that it is about, that goes without saying. */
export function Deciding({ approval, within = false }: { approval: ApprovalDetail; within?: boolean }) {
  const now = useNow();
  const may = useMay();
  const me = useMe().data?.user ?? null;
  const pending = approval.state === "pending";
  const inbox = useInbox(pending);
  const asked = inbox.data?.items.some((one) => one.id === approval.id) ?? false;
  const mine = pending && asked && may("approval:decide", approval.namespace);
  const own = inbox.data?.own.some((one) => one.id === approval.id) ?? false;
  return (
    <Card
      title={<>Approval <span className="mono">{approval.id}</span></>} className={mine ? "why" : ""}
      end={pending ? <time dateTime={approval.expires_at} title={exact(approval.expires_at)}>ends {relative(approval.expires_at, now)}</time> : <StateMark state={approval.state} />}
    >
      <div className="card-body stack">
        <p className="wrap question">{approval.ask}</p>
        <Stages approval={approval} />
        {pending && short(approval) !== "" && <div className="notice critical"><Icon name="incident" /><span className="wrap">{short(approval)}</span></div>}
        {pending && approval.may_decide.length > 0 && <Pairs entries={[["May approve", mayApprove(approval.may_decide, me)]]} />}
        {pending && approval.run && <WhatFollows run={approval.run} />}
        {mine && <Answer approval={approval} />}
        {pending && !mine && inbox.data && <p className="dim t12">{own ? `You asked for ${approval.request || approval.change ? "it" : "this run"}: others decide, nobody approves what they asked for.` : asked ? "You are asked, but have no role that may decide, as approver." : "You are not asked, or have said what you think already."}</p>}
        <Pairs
          entries={[
            ["Do not count", (approval.barred ?? []).map(nameOf).join(", ")],
            ["If nobody decides", pending ? onExpiry(approval) : null],
            ["Asked", within ? null : <RelativeTime key="a" at={approval.created_at} suffix=" ago" />],
            ["Change", within || !approval.change ? null : <ChangeLink key="c" id={approval.change} />],
            ["Workflow", within || approval.change ? null : <Link key="w" className="link" to="/workflows/$namespace/$name" params={{ namespace: approval.namespace, name: approval.workflow }}>{approval.workflow}</Link>],
            ["Request", approval.request ? <Link key="q" className="link mono" to="/self-service/$tab" params={{ tab: "requests" }} search={{ show: approval.request }}>{approval.request}</Link> : null],
            ["Run", within || !approval.run ? null : <Link key="r" className="link mono" to="/runs/$id" params={{ id: approval.run }} search={{ step: approval.step ?? undefined }}>{approval.run}</Link>],
            ["Step", approval.step && !within ? <span key="s" className="mono">{approval.step}</span> : null],
            ["Decide for others", (approval.delegations ?? []).map((one) => `${nameOf(one.to)} for ${nameOf(one.by)}`).join(", ")],
            ["Reason", approval.reason],
          ]}
        />
      </div>
    </Card>
  );
}

export function Stages({ approval }: { approval: Approval }) {
  return (
    <ol className="stack stages" aria-label="Stages">
      {stagesOf(approval).map((stage) => (
        <li key={stage.name} className={stage.now}>
          <span className="row wrapping">
            <Icon name={stage.now === "agreed" ? "check" : stage.now === "asked" ? "waiting" : stage.now === "ended" ? "failed" : "resolved"} size="s" />
            <b className="med">{sentence(stage.name)}</b><span className="dim">{stage.count}</span><span className="dim3 wrap">{stage.by}</span>
          </span>
          {stage.also !== "" && <span className="t12 dim3 said-line">{stage.also}</span>}
          {stage.said.map((said) => (
            <span key={said.by} className="row wrapping t12 said-line">
              <StateMark state={said.decision === "approve" ? "approved" : "rejected"} text={`${said.by} ${said.decision === "approve" ? "approved" : "rejected"}`} />
              {said.insteadOf !== "" && <span className="dim3">for {said.insteadOf}</span>}
              <span className="dim3"><RelativeTime at={said.at} suffix=" ago" /></span>
              {said.reason !== "" && <span className="dim wrap">{said.reason}</span>}
            </span>
          ))}
        </li>
      ))}
    </ol>
  );
}

function Answer({ approval }: { approval: Approval }) {
  const [reason, setReason] = useState("");
  const [handing, setHanding] = useState(false);
  const decide = useDecide();
  const delegate = useDelegate();
  const say = (decision: "approve" | "reject"): void => decide.mutate({ id: approval.id, decision, reason: reason.trim() });
  return (
    <>
      <Textarea label="Reason, kept in the journal with your name" placeholder="needed to reject" autosize minRows={1} maxRows={6} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {decide.error && <ErrorState error={decide.error} />}
      <div className="row wrapping">
        <button type="button" className="btn primary" disabled={decide.isPending} onClick={() => say("approve")}>Approve</button>
        <button type="button" className="btn" disabled={decide.isPending || reason.trim() === ""} title={reason.trim() === "" ? "Say why first" : "One who rejects is enough"} onClick={() => say("reject")}>Reject</button>
        <button type="button" className="btn ghost" onClick={() => setHanding(true)}>Hand on</button>
      </div>
      <Ask
        opened={handing} onClose={() => setHanding(false)} title="Hand it on" act="Hand on"
        effect="They may decide in your place, and are told so. Whoever of you decides first counts, once. Those who asked for the run cannot be chosen."
        field={{ label: "Name of who decides for you", required: true, placeholder: "basis-2" }} run={(to) => delegate.mutateAsync({ id: approval.id, to })}
      />
    </>
  );
}
