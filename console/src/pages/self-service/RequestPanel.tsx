/** One request: where it stands and why, what was asked, who must agree, its steps as they go, and what came of it. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { nameOf, useMay, useMe } from "../../data/me";
import { useOffers, useRequest, useWithdraw } from "../../data/requests";
import type { RequestDetail } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Pairs } from "../../parts/Card";
import { Json } from "../../parts/Code";
import { duration, exact, relative, sentence } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { Stages } from "../approvals/Deciding";
import { stepStand } from "../runs/view";
import { keyOf, standOf, titled } from "./view";

export function RequestPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useRequest(id);
  const now = useNow();
  const stand = query.data && standOf(query.data, now, query.data.approving);
  return (
    <SidePanel label="Request" onClose={onClose} title={<span className="row"><span className="mono">{id}</span>{stand && <StateMark state={stand.mark} text={stand.words} />}</span>}>
      <Loaded query={query} what="the request">{(request) => <Body request={request} />}</Loaded>
    </SidePanel>
  );
}

function Body({ request }: { request: RequestDetail }) {
  const may = useMay();
  const me = useMe().data;
  const offer = useOffers().data?.items.find((one) => keyOf(one) === keyOf(request));
  const { outcome, approving, steps } = request;
  const mine = me?.user !== null && request.requester === `user:${me?.user ?? ""}`;
  const outputs = Object.entries(outcome?.outputs ?? {});
  return (
    <>
      <div className="panel-section stack">
        <div>
          <h2 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{request.title}</h2>
          <Answer request={request} />
        </div>
        {mine && request.state === "pending" && <Withdraw id={request.id} />}
      </div>
      {outputs.length > 0 && (
        <div className="panel-section stack" style={{ gap: 6 }}>
          <h3 className="heading">What came of it</h3>
          <Pairs entries={outputs.map(([name, value]) => [sentence(name), <Output key={name} name={name} value={value} />])} />
        </div>
      )}
      {steps.length > 0 && (
        <div className="panel-section stack" style={{ gap: 6 }}>
          <h3 className="heading">Steps</h3>
          <ol className="stack" style={{ gap: 6 }} aria-label="Steps">
            {steps.map((step) => ({ ...step, stand: stepStand({ address: step.step, state: step.state }, outcome?.waits) })).map((step) => (
              <li key={step.step} className="stack" style={{ gap: 0 }}>
                <span className="row"><span className="wrap grow">{step.title ?? sentence(step.step)}</span><StateMark state={step.stand.mark} text={step.stand.words} /></span>
                {step.reason && !outcome?.reason?.includes(step.reason) && <span className="t12 dim3 wrap">{step.reason}</span>}
              </li>
            ))}
          </ol>
        </div>
      )}
      {approving && (
        <div className="panel-section stack" style={{ gap: 6 }}>
          <h3 className="heading row">Who must agree {may("approval:read", request.namespace) && <Link className="link mono end" to="/approvals" search={{ show: approving.id }}>{approving.id}</Link>}</h3>
          <Stages approval={approving} />
        </div>
      )}
      <div className="panel-section stack" style={{ gap: 6 }}>
        <h3 className="heading">What was asked for</h3>
        <Pairs
          entries={[
            ...titled(request.inputs, offer?.form),
            ["Reason", request.reason],
            ["By", <span key="b">{nameOf(request.requester)}, <RelativeTime at={request.created_at} suffix=" ago" /></span>],
            ["Workflow", may("manifest:read", request.namespace)
              ? <Link key="w" className="link" to="/workflows/$namespace/$name" params={{ namespace: request.namespace, name: request.workflow }}>{request.workflow}</Link>
              : request.workflow],
            ["Run", request.run && may("run:read", request.namespace) ? <Link key="r" className="link mono" to="/runs/$id" params={{ id: request.run }}>{request.run}</Link> : request.run && <span key="r" className="mono">{request.run}</span>],
          ]}
        />
      </div>
    </>
  );
}

const ACTIVE: ReadonlySet<string> = new Set(["running", "waiting", "validating"]);

/** How long its run took, where that is worth a word. */
function took({ outcome, ended_at }: RequestDetail): string {
  const ms = outcome?.ended_at && ended_at ? Date.parse(outcome.ended_at) - Date.parse(ended_at) : 0;
  return ms < 1000 ? "" : `, after ${duration(ms)}`;
}

/** Where it stands, as a sentence. */
function Answer({ request }: { request: RequestDetail }) {
  const now = useNow();
  const { outcome, approving } = request;
  const { words, detail } = standOf(request, now, approving);
  const ended = outcome?.ended_at ?? (request.state === "started" ? null : request.ended_at);
  const at = request.state === "started" && !ended ? request.steps.findLast((step) => ACTIVE.has(step.state)) : undefined;
  const more = at ? [at.title ?? sentence(at.step), detail].filter((each) => each !== "").join(", ") : detail;
  return (
    <>
      <p className="wrap">{words}{more === "" ? "" : `${more.startsWith("by ") ? " " : ": "}${more}`}</p>
      {request.state === "pending" && approving && <p className="dim t12">If nobody decides, it ends <time dateTime={approving.expires_at} title={exact(approving.expires_at)}>{relative(approving.expires_at, now)}</time></p>}
      {ended && <p className="dim t12"><RelativeTime at={ended} suffix=" ago" />{took(request)}</p>}
    </>
  );
}

function Output({ name, value }: { name: string; value: unknown }) {
  if (typeof value === "object" && value !== null) return <Json value={value} label={name} />;
  return <span className="wrap">{String(value)}</span>;
}

function Withdraw({ id }: { id: string }) {
  const [asking, setAsking] = useState(false);
  const withdraw = useWithdraw();
  return (
    <div>
      <button type="button" className="btn" onClick={() => setAsking(true)}>Withdraw</button>
      <Ask
        opened={asking} onClose={() => setAsking(false)} title={`Withdraw ${id}?`} act="Withdraw" effect="Nobody is asked any more, and it does not run. You can ask again."
        field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }} run={(reason) => withdraw.mutateAsync({ id, reason })}
      />
    </div>
  );
}
