/** Who was told of an incident, when and why; who was not, and why not; and what policies decided. */
import { Link } from "@tanstack/react-router";

import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import type { Fact, Incident } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { DecisionChip, OverrideNote, ReasonChip, StateMark } from "../../parts/marks";
import { PolicyLink } from "../../parts/PolicyLink";
import { EmptyState, Loaded } from "../../parts/states";
import { Clock, RelativeTime } from "../../parts/time";
import { decisionsIn, REASONS, silent, tellings, type Telling } from "./told";

export function Told({ incident }: { incident: Incident }) {
  const query = useDetail<Page<Fact>>("incidents", incident.id, "timeline", { query: { limit: 500 } });
  const facts = query.data?.items ?? [];
  const told = tellings(facts);
  const nobody = silent(facts);
  const decisions = decisionsIn(facts);
  return (
    <Card id="told" title="Who was told, and why" scope={plural(told.length, "notification")}>
      <Loaded query={query} what="who was told">
        {() => (
          <>
            {told.length + nobody.length + decisions.length === 0 && <EmptyState title="Nobody was told"><p>A policy with <span className="mono">notify</span>, or a service with an owner that has channels, tells someone.</p></EmptyState>}
            {told.map((one) => <Row key={one.id} one={one} />)}
            {nobody.map((one) => (
              <div key={one.position} className="moving-row">
                <span className="row wrapping"><Icon name="mail" /><span className="med">Nobody was told</span><ReasonChip code={one.reason} not /><span className="end dim3">{one.times > 1 && `${String(one.times)} times, `}<RelativeTime at={one.at} /></span></span>
                <span className="t12 dim3 wrap">{one.detail}</span>
              </div>
            ))}
            {decisions.length > 0 && <p className="eyebrow" style={{ padding: "8px 12px 2px" }}>Policies</p>}
            {decisions.map(({ fact, decision }) => (
              <div key={fact.position} className="moving-row">
                <span className="row wrapping"><Icon name="policy" /><PolicyLink policy={decision.policy ?? ""} /><DecisionChip decision={decision} /><OverrideNote decision={decision} /><Link className="end dim3" to="/events/$position/story" params={{ position: fact.position }} title="The story"><RelativeTime at={fact.recorded_at} /></Link></span>
                {decision.detail && <span className={`t12 ${decision.outcome === "failed" ? "failure" : "dim3"} wrap`}>{decision.detail}</span>}
              </div>
            ))}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function Row({ one }: { one: Telling }) {
  const words = REASONS[one.reason];
  const arrived = one.state === "succeeded" ? "Sent" : sentence(one.state);
  return (
    <div className="moving-row">
      <span className="row wrapping">
        <Icon name="mail" />
        <span className="med wrap">{one.to}</span>
        <ReasonChip code={one.reason} {...(words ? { title: sentence(words) } : {})} />
        <span className="end"><StateMark state={one.state} text={arrived} /></span>
      </span>
      <span className="t12 dim3 wrap">
        {words ? `${sentence(words)}: ` : ""}{one.uses} through {one.channel || "the default channel"}, asked for at <Clock at={one.at} />
        {one.state === "succeeded" && <>, sent at <Clock at={one.last} /></>}{one.attempt > 1 ? `, attempt ${String(one.attempt)}` : ""}
        {one.error && <span className={one.state === "failed" ? "failure" : undefined}>: {one.error}</span>}
      </span>
    </div>
  );
}
