/** What a run would do, as a tree, and from there the run. */
import { Modal } from "@mantine/core";

import type { DryRun } from "../../data/types";
import { Json } from "../../parts/Code";
import { capital } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { concealed } from "../../parts/json";
import { ErrorState } from "../../parts/states";
import { summary } from "./dry-run";
import { PlannedSteps } from "./PlannedSteps";

interface Props {
  /** Absent while none was asked for. */
  dryRun: DryRun | undefined;
  busy: boolean;
  /** Why it did not start. */
  error: Error | null;
  onClose: () => void;
  start: () => void;
}

export function DryRunDialog({ dryRun, busy, error, onClose, start }: Props) {
  return (
    <Modal opened={dryRun !== undefined} onClose={onClose} title={`Dry run of ${dryRun?.workflow ?? ""}`} size={860}>
      {dryRun && (
        <div className="stack">
          <div>
            <p className="med">{capital(summary(dryRun))}.</p>
            <p className="dim">Nothing was started, and nothing outside was asked. What depends on the outcome of a step is not known before.</p>
          </div>
          {dryRun.fails.length > 0 && <div className="notice critical" role="alert"><Icon name="incident" /><p className="wrap"><strong>As it is, the run would fail</strong> at <span className="mono">{dryRun.fails.join(", ")}</span>. What those lines say has to be mended first.</p></div>}
          <PlannedSteps label="What would be done" steps={dryRun.steps} />
          {Object.keys(dryRun.inputs).length > 0 && <details><summary className="dim">Inputs of the run, with what is left out</summary><Json value={concealed(dryRun.inputs)} label="Inputs of the run" /></details>}
          {error && <ErrorState error={error} />}
          <div className="row dialog-foot">
            <button type="button" className={dryRun.fails.length > 0 ? "btn" : "btn primary"} disabled={busy} onClick={start}>{dryRun.fails.length > 0 ? "Start it all the same" : "Start run"}</button>
            <button type="button" className="btn" onClick={onClose}>Back</button>
          </div>
        </div>
      )}
    </Modal>
  );
}
