/** One act on the incidents that were chosen; each is answered by itself, and what was refused is said. */
import { useState } from "react";

import { useMay } from "../../data/me";
import type { Incident } from "../../data/types";
import { useActOnIncidents, type BulkAct } from "../../data/work";
import { Ask } from "../../parts/ask";
import { plural } from "../../parts/format";
import { ErrorState } from "../../parts/states";
import { firstOf, isLive } from "./work";

export function BulkIncidents({ chosen, done }: { chosen: readonly Incident[]; done: () => void }) {
  const bulk = useActOnIncidents();
  const may = useMay();
  const [asking, setAsking] = useState<"assign" | "resolve" | "merge" | null>(null);
  const live = chosen.filter(isLive);
  const open = live.filter((one) => one.state === "open");
  const into = firstOf(live);
  const refused = (bulk.data?.items ?? []).filter((one) => one.code !== null);
  const run = async (act: BulkAct, of: readonly Incident[]): Promise<void> => {
    const outcome = await bulk.mutateAsync({ ...act, ids: of.map((one) => one.id) });
    if (outcome.refused === 0) done();
  };
  const everywhere = (permission: string): boolean => chosen.every((one) => may(permission, one.namespace));
  return (
    <div className="bulk-bar" role="region" aria-label="Chosen incidents">
      <b>{plural(chosen.length, "incident")} chosen</b>
      {everywhere("incident:acknowledge") && <button type="button" className="btn primary" disabled={open.length === 0 || bulk.isPending} onClick={() => bulk.mutate({ do: "acknowledge", ids: open.map((one) => one.id) }, { onSuccess: (outcome) => { if (outcome.refused === 0) done(); } })}>Acknowledge{open.length > 0 && ` ${String(open.length)}`}</button>}
      {everywhere("incident:assign") && <button type="button" className="btn" disabled={live.length === 0} onClick={() => setAsking("assign")}>Assign</button>}
      {everywhere("incident:resolve") && <button type="button" className="btn" disabled={live.length === 0} onClick={() => setAsking("resolve")}>Resolve</button>}
      {everywhere("incident:group") && <button type="button" className="btn" disabled={live.length < 2} onClick={() => setAsking("merge")}>Merge</button>}
      <button type="button" className="btn ghost" onClick={done}>Choose none</button>
      {refused.length > 0 && (
        <p className="failure t12" role="alert" style={{ flexBasis: "100%" }}>
          {plural(bulk.data?.done ?? 0, "incident")} done; {String(refused.length)} refused: {refused.slice(0, 5).map((one) => `${one.id} (${one.detail || (one.code ?? "")})`).join(", ")}{refused.length > 5 && " …"}
        </p>
      )}
      {bulk.error && asking === null && <div style={{ flexBasis: "100%" }}><ErrorState error={bulk.error} /></div>}
      <Ask
        opened={asking === "assign"} onClose={() => setAsking(null)} title={`Assign ${plural(live.length, "incident")}`} act="Assign" effect="Whoever has them shows as their owner."
        field={{ label: "Name", required: true }} run={(assignee) => run({ do: "assign", assignee }, live)}
      />
      <Ask
        opened={asking === "resolve"} onClose={() => setAsking(null)} title={`Resolve ${plural(live.length, "incident")}?`} act="Resolve" effect="It resolves the alerts in them that still fire. They can be opened again until they are closed."
        field={{ label: "How they ended", placeholder: "optional" }} run={(note) => run({ do: "resolve", ...(note ? { note } : {}) }, live)}
      />
      <Ask
        opened={asking === "merge"} onClose={() => setAsking(null)} title={`Merge ${plural(live.length, "incident")}?`} act="Merge"
        effect={<>They become part of <b>{into?.id} {into?.title}</b>; the others close, and their alerts, tasks, tickets and runs are its. Alerts can be split off it again by hand.</>}
        field={{ label: "Why they are about the same", placeholder: "optional" }} run={(reason) => (into ? run({ do: "merge", into: into.id, ...(reason ? { reason } : {}) }, live) : Promise.resolve())}
      />
    </div>
  );
}
