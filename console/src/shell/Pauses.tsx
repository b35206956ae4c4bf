/** On every page while it holds: that policies start no runs, who wants it so, why, and until when. */
import { lazy, Suspense, useState } from "react";

import { nameOf, useMay } from "../data/me";
import { usePauses, useResume, where } from "../data/pauses";
import type { Pause } from "../data/types";
import { Ask } from "../parts/ask";
import { exact, moment } from "../parts/format";
import { Icon } from "../parts/Icon";
import { RelativeTime, useNow } from "../parts/time";
import { useFilters } from "./filters";

/** Its fields are not part of what every page loads. */
const PauseDialog = lazy(() => import("./PauseDialog"));
/** Pauses that have a line of their own; the others are counted. */
const SHOWN = 2;

export function Pauses() {
  const [filters] = useFilters();
  const pauses = usePauses(filters["namespace"]);
  if (pauses.length === 0) return null;
  const hidden = pauses.slice(SHOWN);
  return (
    <section className="pauses" aria-label="Paused">
      {pauses.slice(0, SHOWN).map((pause) => <Line key={pause.id} pause={pause} />)}
      {hidden.length > 0 && <p className="t12" title={hidden.map((pause) => pause.id).join(", ")}>and in {hidden.length} more: choose a namespace to see its pause.</p>}
    </section>
  );
}

function Line({ pause }: { pause: Pause }) {
  const resume = useResume();
  const may = useMay();
  const now = useNow();
  const [asking, setAsking] = useState<"resume" | "change" | null>(null);
  return (
    <div className="pause-line">
      <Icon name="pause" />
      <p className="wrap grow">
        <b className="strong">No policy starts a run {where(pause.id)}</b> until <time dateTime={pause.until} title={exact(pause.until)}>{moment(pause.until, now)}</time> (<RelativeTime at={pause.until} />): {pause.reason.replace(/[.\s]+$/, "")}.
        {" "}<span className="nowrap">Paused by {nameOf(pause.by)}, <RelativeTime at={pause.since} suffix=" ago" /></span>
      </p>
      {may("pause:write", pause.id) && (
        <span className="row keep">
          <button type="button" className="btn small" onClick={() => setAsking("change")}>Change</button>
          <button type="button" className="btn small primary" onClick={() => setAsking("resume")}>Resume</button>
        </span>
      )}
      <Ask
        opened={asking === "resume"} onClose={() => setAsking(null)} title={`Resume ${where(pause.id)}?`} act="Resume"
        effect="Policies start runs again from now on. What they held back meanwhile is not made up for."
        run={() => resume.mutateAsync(pause.id)}
      />
      {asking === "change" && <Suspense><PauseDialog onClose={() => setAsking(null)} from={pause} /></Suspense>}
    </div>
  );
}

/** Opens the dialog; for who may pause something. */
export function PauseButton() {
  const [filters, change] = useFilters();
  const may = useMay();
  if (!may("pause:write")) return null;
  return (
    <>
      <button type="button" className="btn" onClick={() => change({ pause: "1" })}><Icon name="pause" size="m" />Pause policies</button>
      {filters["pause"] === "1" && <Suspense><PauseDialog onClose={() => change({ pause: undefined })} /></Suspense>}
    </>
  );
}
