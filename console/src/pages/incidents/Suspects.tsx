/** What is suspected to be behind an incident, with the evidence; how it hangs together; and what suffers from it. */
import { useMediaQuery } from "@mantine/hooks";
import { lazy, Suspense, useMemo, useState } from "react";

import { nameOf } from "../../data/me";
import { useSuspects } from "../../data/topology";
import type { Affected, Incident, Suspect, Suspects as Found } from "../../data/types";
import { Card } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { PHONE } from "../../parts/DataTable";
import { plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { Icon, type IconName } from "../../parts/Icon";
import { SeverityMark, SeverityShape } from "../../parts/marks";
import { PlaceLink } from "../../parts/PlaceLink";
import { EmptyState, Loaded, Loading } from "../../parts/states";
import type { Dot } from "../../parts/dot";
import { pieces } from "../change-records/view";
import { causeOf, chainOf } from "./view";

const Graph = lazy(() => import("../../parts/TopologyGraph"));

/** Suspects that are shown at first. */
const FIRST = 3;

export function Behind({ incident }: { incident: Incident }) {
  const query = useSuspects(incident.id);
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const found = query.data;
  const drawn = found !== undefined && found.nodes.length > 1;
  if (found?.suspects.every((suspect) => suspect.parts.length === 0) && found.suspects.length < 2 && !drawn) return <Lonely found={found} />;
  return (
    <div className={drawn ? "halves" : "stack"}>
      <Card title="Suspects" scope={found ? said(found) : undefined} end={<HelpLink page="explanation/correlation.md">how ranked</HelpLink>}>
        <Loaded query={query} what="suspects">{(view) => <Ranked found={view} />}</Loaded>
      </Card>
      {drawn && (
        <Card title="Topology" scope={`${plural(found.nodes.length, "place")}, what needs above what it needs`} className="clip">
          {phone ? <Outline found={found} incident={incident} /> : <Drawing found={found} incident={incident} />}
        </Card>
      )}
    </div>
  );
}

/** Where only one place fails, there is nothing to rank. */
function Lonely({ found }: { found: Found }) {
  if (found.unknown.length === 0) return null;
  return <p className="t12 dim3 wrap">The topology does not know {found.unknown[0]}, so nothing is said of what is behind this, or of what it reaches. <HelpLink page="how-to/topology.md">Say what needs what</HelpLink></p>;
}

function said(found: Found): string {
  return found.suspects.length === 0 ? "" : `ranked, from ${plural(found.alerts, "alert")}`;
}

const ICONS: Record<string, IconName> = { explains: "policy", deepest: "down", early: "clock", silent: "quiet", changed: "change" };

function Ranked({ found }: { found: Found }) {
  const [all, setAll] = useState(false);
  const shown = all ? found.suspects : found.suspects.slice(0, FIRST);
  const hidden = found.suspects.length - shown.length;
  return (
    <>
      {found.suspects.length === 0 && <EmptyState title="Nobody is suspected"><p>Suspects are ranked by what explains most of the others.</p></EmptyState>}
      <ol aria-label="Suspects" className="suspects">
        {shown.map((suspect, index) => <Row key={suspect.name} suspect={suspect} rank={index + 1} />)}
      </ol>
      {hidden > 0 && <div className="list-foot"><button type="button" className="btn small" onClick={() => setAll(true)}>Show {hidden} more</button></div>}
      {found.unknown.length > 0 && (
        <p className="list-foot wrapping" style={{ paddingBlock: 6 }}>
          <span className="wrap">The topology does not know {found.unknown.slice(0, 3).join(", ")}{found.unknown.length > 3 ? ` and ${String(found.unknown.length - 3)} others` : ""}: it says nothing of what explains what there.</span>
        </p>
      )}
    </>
  );
}

function Row({ suspect, rank }: { suspect: Suspect; rank: number }) {
  const { place } = suspect;
  return (
    <li>
      <span className="dim3 number">{rank}</span>
      <div className="stack" style={{ gap: 2 }}>
        <span className="row">
          {place && place.severity !== "clear" && <SeverityShape severity={place.severity} small />}
          <span className="med cut">{place ? <PlaceLink place={place} /> : suspect.name}</span>
          <span className="end row" title={`${String(suspect.score)} of 100 points. They rank; they are no probability.`}>
            <span className="meter" style={{ width: 48 }} aria-hidden="true"><i style={{ width: `${String(suspect.score)}%` }} /></span>
            <b className="strong score">{suspect.score}</b>
          </span>
        </span>
        <span className="t12 dim3">{[place?.type, suspect.alerts.length > 0 ? plural(suspect.alerts.length, "alert") : "nothing reports it"].filter(Boolean).join(", ")}</span>
        <ul className="stack" style={{ gap: 1 }}>
          {suspect.parts.map((part) => (
            <li key={part.kind} className={`evidence t12 ${part.points > 0 ? "dim" : "dim3"}`} title={`${String(part.points)} points`}>
              <Icon name={part.points > 0 ? ICONS[part.kind] ?? "event" : "close"} size="s" /><span className="wrap">{pieces(part.reason).map((piece, index) => (piece.id === null ? piece.text : <ChangeLink key={index} id={piece.id} />))}</span>
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}

function Drawing({ found, incident }: { found: Found; incident: Incident }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const dots = useMemo(() => dotsOf(found, incident), [found, incident]);
  const dot = dots.find((each) => each.place.id === chosen);
  const suspect = found.suspects.find((each) => each.place?.id === chosen);
  return (
    <>
      <Suspense fallback={<Loading what="the graph" />}><Graph label="What needs what in this incident" dots={dots} edges={found.edges} chosen={chosen} choose={setChosen} /></Suspense>
      <div className="list-foot" aria-live="polite">
        {dot ? (
          <>
            <SeverityMark severity={dot.place.severity} /><b className="med"><PlaceLink place={dot.place} /></b>
            <span className="wrap">{suspect ? `suspect ${String(found.suspects.indexOf(suspect) + 1)}` : dot.fails ? "fails" : "lies on the way"}, {plural(dot.place.alerts_firing, "alert")}</span>
          </>
        ) : <Legend cause={dots.some((each) => each.mark === "cause")} />}
      </div>
    </>
  );
}

function Legend({ cause }: { cause: boolean }) {
  return <><span><span className="rank">1</span> rank of a suspect</span>{cause && <span>tinted: cause</span>}<span>strong lines: the fault’s way</span></>;
}

export function dotsOf(found: Found, incident: Pick<Incident, "cause">): Dot[] {
  const cause = causeOf(found, incident);
  return found.nodes.map((node) => ({ place: node.place, rank: node.rank, fails: node.fails, ...(node.place.id === cause ? { mark: "cause" as const } : {}) }));
}

/** On a phone: the same places, each under what it needs. */
function Outline({ found, incident }: { found: Found; incident: Incident }) {
  const rows = useMemo(() => chainOf(found), [found]);
  const cause = causeOf(found, incident);
  return (
    <ol className="outline" aria-label="What needs what in this incident">
      {rows.map(({ node, depth }) => (
        <li key={node.place.id} className="row" style={{ paddingLeft: 12 + 16 * Math.min(depth, 5), minHeight: 36, paddingRight: 12 }}>
          {node.place.severity === "clear" ? <Icon name="resolved" size="s" /> : <SeverityShape severity={node.place.severity} small />}
          <span className="med wrap"><PlaceLink place={node.place} /></span>
          <span className="t12 dim3 end nowrap">{node.place.id === cause ? "cause" : node.rank ? `suspect ${String(node.rank)}` : node.place.type}</span>
        </li>
      ))}
    </ol>
  );
}

/** Which services need what fails. */
export function ImpactCard({ incident }: { incident: Incident }) {
  const query = useSuspects(incident.id);
  return (
    <Card id="impact" title="Impact" scope={query.data && query.data.affected.length > 0 ? plural(query.data.affected.length, "service") : undefined}>
      <Loaded query={query} what="what is affected">
        {({ affected }) => affected.length === 0
          ? <EmptyState title="No service is known to suffer"><p>Services that need what fails show here, the most critical first.</p></EmptyState>
          : <>{affected.map((one) => <AffectedRow key={one.place.id} one={one} />)}</>}
      </Loaded>
    </Card>
  );
}

function AffectedRow({ one }: { one: Affected }) {
  return (
    <div className="moving-row">
      <span className="row">
        {one.place.severity === "clear" ? <Icon name="now" /> : <SeverityShape severity={one.place.severity} />}
        <span className="med cut"><PlaceLink place={one.place} /></span>
        {one.place.criticality && <span className="tag">{one.place.criticality}</span>}
        <span className="end t12 dim3 nowrap">{one.fails ? "fails" : "at risk"}</span>
      </span>
      <span className="t12 dim3 wrap">{one.way}{one.place.owner ? `. Owner ${nameOf(one.place.owner)}` : ""}</span>
    </div>
  );
}
