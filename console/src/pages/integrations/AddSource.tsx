/** Add a source: choose the sender, apply the manifest, configure the sender, and see the first event arrive. */
import { Select, TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import { useCommand } from "../../data/commands";
import { post } from "../../data/http";
import { useShort } from "../../data/lists";
import { useMay, useMe } from "../../data/me";
import type { Source, SourceType } from "../../data/types";
import { Card } from "../../parts/Card";
import { Snippet } from "../../parts/Code";
import { PHONE } from "../../parts/DataTable";
import { count } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { Refused } from "../../parts/Refused";
import { Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { arrivalOf, guideOf, labelOf, NAME, nameFor, offered, type Guide } from "./guide";

export function AddSource({ sources }: { sources: readonly Source[] }) {
  const types = useShort<SourceType>("sources", {}, { path: "/sources/types" });
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const [filters, change] = useFilters();
  const wanted = filters["add"] ?? "cloudevents";
  return (
    <Card id="add-source" title="Add a source">
      <Loaded query={types} what="the types of sources">
        {(page) => {
          const all = offered(page.items.map((each) => each.type));
          const type = all.includes(wanted) ? wanted : "cloudevents";
          return (
            <div className="card-body stack">
              {phone
                ? <Select label="What sends" allowDeselect={false} searchable data={all.map((each) => ({ value: each, label: labelOf(each) }))} value={type} onChange={(value) => change({ add: value ?? type })} />
                : (
                  <div className="row wrapping" role="group" aria-label="What sends">
                    {all.map((each) => (
                      <button key={each} type="button" className="btn small choice" aria-pressed={each === type} onClick={() => change({ add: each })}>{labelOf(each)}</button>
                    ))}
                  </div>
                )}
              <Steps key={type} type={type} about={page.items.find((each) => each.type === type)} sources={sources} />
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Steps({ type, about, sources }: { type: string; about: SourceType | undefined; sources: readonly Source[] }) {
  const me = useMe().data;
  const may = useMay();
  const [filters] = useFilters();
  const [name, setName] = useState(nameFor(type));
  const [namespace, setNamespace] = useState(filters["namespace"] ?? me?.home ?? "default");
  const apply = useCommand((manifest: Record<string, unknown>) => post<unknown>("/manifests", manifest), ["sources"]);
  const guide = guideOf(type, name, namespace, window.location.origin);
  const valid = NAME.test(name) && NAME.test(namespace);
  const found = sources.find(guide.isIt);
  const settings = Object.keys(propertiesOf(about));
  return (
    <>
      {about?.problem && <p className="failure" role="alert">It cannot be used: {about.problem}</p>}
      {guide.manifest && about?.summary && <p className="dim">{about.summary.replaceAll("`", "")}</p>}
      <ol className="guide">
        {guide.manifest && (
          <Step title="Apply its manifest">
            <div className="fields">
              <TextInput label="Name" value={name} error={NAME.test(name) ? null : "Lower-case letters, digits, - and ."} onChange={(event) => setName(event.currentTarget.value)} />
              <Namespace value={namespace} onChange={setNamespace} />
            </div>
            <Snippet text={guide.yaml} label={`The manifest of ${labelOf(type)}`} />
            {settings.length > 0 && <p className="t12 dim3">with takes: <span className="mono wrap">{settings.join(", ")}</span></p>}
            <div className="row wrapping">
              {may("manifest:write", namespace) && (
                <button type="button" className="btn" disabled={!valid || apply.isPending || found !== undefined} onClick={() => guide.manifest && apply.mutate(guide.manifest)}>Apply as it stands</button>
              )}
              <span className="t12 dim3">{found ? "It is in force." : <>or change it, and <span className="mono">oncue apply -f source.yaml</span></>}</span>
            </div>
            {apply.error && <Refused error={apply.error} text={JSON.stringify(guide.manifest)} namespace={namespace} />}
          </Step>
        )}
        <Step title="Make a token that can only send">
          <Snippet text={`oncue token create ${guide.manifest ? name : nameFor(type)} --scope source${guide.manifest ? ` -n ${namespace}` : ""}`} label="How to make a token" />
          {may("token:write") && <p className="t12 dim3">or under <Link className="link" to="/admin/$tab" params={{ tab: "tokens" }}>Admin, Tokens</Link></p>}
        </Step>
        <Step title="Configure the sender">
          <p className="t12 dim3">{guide.where}:</p>
          <Snippet text={guide.sender} label={`How to connect ${labelOf(type)}`} />
        </Step>
        <Step title="See it arrive"><Arrives guide={guide} found={found} /></Step>
      </ol>
    </>
  );
}

function Step({ title, children }: { title: string; children: ReactNode }) {
  return <li className="stack"><h3>{title}</h3>{children}</li>;
}

/** The namespaces that its reader may configure; one that may be anywhere writes it. */
function Namespace({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const places = useMe().data?.permissions["manifest:write"] ?? [];
  if (places.length === 0 || places.includes("*")) return <TextInput label="Namespace" value={value} onChange={(event) => onChange(event.currentTarget.value)} />;
  return <Select label="Namespace" allowDeselect={false} data={[...new Set([...places, value])]} value={value} onChange={(next) => onChange(next ?? value)} />;
}

/** The line that turns live: what has come by this source so far. */
function Arrives({ guide, found }: { guide: Guide; found: Source | undefined }) {
  const arrival = arrivalOf(found, guide.manifest !== null);
  return (
    <p className="row wrapping" role="status">
      {arrival === "not_applied" && <><StateMark state="pending" text="Not in force yet" /><span className="dim3">Apply the manifest first.</span></>}
      {arrival === "waiting" && <StateMark state="waiting" text="Waiting for the first event…" />}
      {arrival === "refused" && <><StateMark state="failing" text="The last message was refused" /><span className="failure">{found?.last_error}</span></>}
      {arrival === "arrived" && found && (
        <>
          <StateMark state="succeeded" text="Receiving" />
          <span className="dim">{count(found.accepted)} accepted, the last <RelativeTime at={found.last_event_at} suffix=" ago" /></span>
          <Link className="link" to="/events">See the events</Link>
        </>
      )}
    </p>
  );
}

/** The names of what the manifest's `with` may hold. */
function propertiesOf(about: SourceType | undefined): Record<string, unknown> {
  const schema = (about?.settings ?? {}) as { $ref?: string; properties?: Record<string, unknown>; $defs?: Record<string, { properties?: Record<string, unknown> }> };
  const named = schema.$ref?.split("/").at(-1);
  return (named === undefined ? schema.properties : schema.$defs?.[named]?.properties) ?? {};
}
