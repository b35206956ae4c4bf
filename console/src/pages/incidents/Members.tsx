/** The shape of an incident: its alerts and why each is here, those that went, and incidents that became one. */
import { Checkbox } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Fragment, useState } from "react";

import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { useMemberships } from "../../data/memberships";
import type { Alert, Incident, Membership } from "../../data/types";
import { Card } from "../../parts/Card";
import { DataTable, type Column } from "../../parts/DataTable";
import { Icon } from "../../parts/Icon";
import { plural } from "../../parts/format";
import { alertState, edge, ReasonChip, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { crossingText, worstText } from "../../parts/story";
import { RelativeTime, useNow } from "../../parts/time";
import { PolicyLinks } from "../alerts/SetByPolicies";
import { linksOf } from "../alerts/view";
import { Regroup } from "./Regroup";
import type { Regrouping } from "./regroup";
import { membersOf, ROLES, rolesText, type Member } from "./view";

/** Links that policies gave its alerts which an incident shows; each alert has all of its own. */
const LINKS = 10;

const COLUMNS: readonly Column<Member>[] = [
  {
    id: "title", head: "Alert",
    cell: ({ alert }) => (
      <>
        <span className="row">
          <SeverityShape severity={alert.severity} />
          <Link to="/alerts/$id" params={{ id: alert.id }} className="cut med">{alert.title}</Link>
        </span>
        <span className="second">{[alert.resource, crossingText(alert.crossing)].filter(Boolean).join(" · ")}<Worst alert={alert} /></span>
      </>
    ),
  },
  { id: "why", head: "Why it is here", width: "42%", cell: ({ membership }) => <Why membership={membership} /> },
  { id: "count", head: "Count", width: "56px", num: true, cell: ({ alert }) => alert.count },
  { id: "state", head: "State", width: "112px", cell: ({ alert }) => <StateMark state={alertState(alert)} /> },
];

/** What the alert's present severity hides: that it has been worse. */
function Worst({ alert }: { alert: Alert }) {
  const text = worstText(alert, useNow());
  return text === "" ? null : <span title={alert.peak?.title}> · Worst: {text}</span>;
}

function RoleMark({ role }: { role: Membership["role"] }) {
  return <span className={role === "cause" ? "role cause" : "role"} title={ROLES[role].title}><Icon name={ROLES[role].icon} size="s" />{ROLES[role].word}</span>;
}

/** Whether a person put it there; of rules, `by` is who sent the event. */
const byHand = (membership: Membership): boolean => membership.rule === "manual" || membership.by.startsWith("user:");

function Why({ membership }: { membership: Membership | undefined }) {
  if (!membership) return <span className="dim3">not known</span>;
  return (
    <>
      <span className="row">
        <RoleMark role={membership.role} />
        <ReasonChip code={membership.rule} />
        {byHand(membership) && <span className="dim3 cut">by {nameOf(membership.by)}</span>}
      </span>
      <span className="second" title={membership.reason}>{membership.reason}</span>
    </>
  );
}

export function Members({ incident }: { incident: Incident }) {
  const alerts = useDetail<Page<Alert>>("incidents", incident.id, "alerts");
  const memberships = useMemberships(incident.id);
  const may = useMay();
  const { here, gone } = membersOf(alerts.data?.items ?? [], memberships, incident);
  const links = linksOf(here.map(({ alert }) => alert));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [how, setHow] = useState<Regrouping | null>(null);
  const shapes = (incident.state === "open" || incident.state === "acknowledged") && may("incident:group", incident.namespace);
  const picked = here.filter(({ alert }) => chosen.has(alert.id)).map(({ alert }) => alert);
  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const all = here.length > 0 && picked.length === here.length;
  const pick: Column<Member> = {
    id: "pick", width: shapes ? "40px" : "12px", className: ({ alert }) => edge(alert.severity, alertState(alert)),
    head: shapes ? <Checkbox size="xs" aria-label="Choose all alerts" checked={all} indeterminate={picked.length > 0 && !all} onChange={() => setChosen(all ? new Set() : new Set(here.map(({ alert }) => alert.id)))} /> : <span className="sr">Severity</span>,
    cell: ({ alert }) => (shapes ? <Checkbox size="xs" aria-label={`Choose ${alert.title}`} checked={chosen.has(alert.id)} onChange={() => toggle(alert.id)} /> : null),
  };
  const close = (): void => setHow(null);
  return (
    <Card title="Alerts" scope={[rolesText(here) || plural(incident.alerts_total, "alert"), here.length < incident.alerts_total && `the newest ${String(here.length)}`].filter(Boolean).join(", ")} className="clip">
      {picked.length > 0 && (
        <div className="bulk-bar" role="region" aria-label="Chosen alerts">
          <b className="med">{plural(picked.length, "alert")} chosen</b>
          <button type="button" className="btn" onClick={() => setHow("split")}>Split off</button>
          <button type="button" className="btn" onClick={() => setHow("move")}>Move …</button>
          <button type="button" className="btn" onClick={() => setHow("detach")}>Take out</button>
          <button type="button" className="btn ghost" onClick={() => setChosen(new Set())}>Choose none</button>
        </div>
      )}
      <Loaded query={alerts} what="alerts">
        {() => (
          <DataTable
            label="Alerts of the incident" two rows={here} columns={[pick, ...COLUMNS]} selected={chosen} rowKey={({ alert }) => alert.id} empty={<EmptyState title={incident.merged_into ? "Its alerts went with it" : "No alert belongs to it"} />}
            card={({ alert, membership }) => (
              <div className={`card-row ${edge(alert.severity, alertState(alert))}`}>
                <span className="row">
                  {shapes && <Checkbox size="md" aria-label={`Choose ${alert.title}`} checked={chosen.has(alert.id)} onChange={() => toggle(alert.id)} />}
                  <SeverityMark severity={alert.severity} /><span className="end"><StateMark state={alertState(alert)} /></span>
                </span>
                <Link to="/alerts/$id" params={{ id: alert.id }} className="title">{alert.title}</Link>
                <span className="t12 dim3">{[alert.resource, crossingText(alert.crossing)].filter(Boolean).join(" · ")}<Worst alert={alert} /></span>
                {membership && <span className="row wrapping t12"><RoleMark role={membership.role} /><ReasonChip code={membership.rule} /><span className="dim3 wrap">{membership.reason}</span></span>}
              </div>
            )}
          />
        )}
      </Loaded>
      {links.length > 0 && <div className="card-body stack" role="group" aria-label="Links of its alerts" style={{ gap: 4 }}><PolicyLinks links={links.slice(0, LINKS)} /></div>}
      {gone.length > 0 && <Gone gone={gone} />}
      <Regroup incident={incident} alerts={picked} how={how} onClose={close} done={() => setChosen(new Set())} />
    </Card>
  );
}

function Gone({ gone }: { gone: readonly Membership[] }) {
  return (
    <details className="gone">
      <summary className="dim">{plural(gone.length, "alert")} went elsewhere</summary>
      <ul aria-label="Alerts that went elsewhere">
        {gone.map((one) => (
          <li key={one.alert} className="row wrapping">
            <Link className="link mono" to="/alerts/$id" params={{ id: one.alert }}>{one.alert}</Link>
            <span>{one.left_for ? <>to <Link className="link mono" to="/incidents/$id" params={{ id: one.left_for }}>{one.left_for}</Link></> : "stands alone"}</span>
            <ReasonChip code={one.rule} />
            <span className="dim3 wrap">{one.reason}</span>
            <span className="end dim3">{byHand(one) && <>{nameOf(one.by)}, </>}<RelativeTime at={one.left_at} suffix=" ago" /></span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** That it became part of another incident, or others of it. */
export function Merged({ incident }: { incident: Incident }) {
  if (incident.merged_into) {
    return (
      <div className="notice info" role="note">
        <Icon name="link" />
        <span>It was about the same as <Link className="link mono" to="/incidents/$id" params={{ id: incident.merged_into }}>{incident.merged_into}</Link>, and is part of it now. Work goes on there.</span>
      </div>
    );
  }
  if (incident.merged.length === 0) return null;
  return (
    <p className="dim">
      {plural(incident.merged.length, "incident")} became part of it: {incident.merged.map((id, index) => (
        <Fragment key={id}>{index > 0 && ", "}<Link className="link mono" to="/incidents/$id" params={{ id }}>{id}</Link></Fragment>
      ))}
    </p>
  );
}
