/** Of a change of configuration, in place of targets and waves: manifest by manifest what is otherwise after it. */
import { lazy, Suspense, useState } from "react";

import type { Change } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { Loading } from "../../parts/states";
import { editedBy, type Edited } from "./configuration";
import { PlanHash } from "./PlanCard";

const Diff = lazy(() => import("../../parts/YamlDiff"));

/** More than so many are drawn when somebody asks for them. */
const AT_FIRST = 10;
const ICONS = { created: "plus", updated: "change", deleted: "close" } as const;

export function Configuration({ change }: { change: Change }) {
  const [all, setAll] = useState(false);
  const shown = all ? change.configuration : change.configuration.slice(0, AT_FIRST);
  const reach = plural(change.configuration.length, "manifest");
  const left = change.configuration.length - shown.length;
  return (
    <Card id="configuration" title="Configuration" scope={change.configuration.length === 1 ? reach : `${reach}, all of them or none`} end={<PlanHash change={change} />}>
      {shown.map((one) => <Manifest key={`${one.edit.kind}/${one.edit.name}`} edited={editedBy(one)} />)}
      {left > 0 && <div className="card-body"><button type="button" className="btn small" onClick={() => setAll(true)}>Show {left} more</button></div>}
    </Card>
  );
}

function Manifest({ edited: { id, is, before, after } }: { edited: Edited }) {
  return (
    <section className="card-body stack" style={{ gap: 6 }} aria-label={`${id}: ${is}`}>
      <h3 className="row wrapping heading"><Icon name={ICONS[is]} size="s" /><span className="mono wrap">{id}</span><span className="tag">{is}</span></h3>
      <Suspense fallback={<Loading what="the difference" />}><Diff before={before} after={after} label={`What it does to ${id}`} /></Suspense>
    </section>
  );
}
