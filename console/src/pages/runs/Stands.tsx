/** Where a run of a list stands; of one that waits, for what or for whom. */
import { useDetail } from "../../data/lists";
import type { Approval, Run, Why } from "../../data/types";
import { StateMark } from "../../parts/marks";
import { useNow } from "../../parts/time";
import { waitsFor } from "../self-service/view";
import { mayWait, stateOf, waitText } from "./view";

/** That a worker has come, or is gone, no event tells. */
const LOOKED_AGAIN_MS = 20_000;

/** `approval` is what it asks people, where that is known. */
export function Stands({ run, approval }: { run: Run; approval?: Approval | undefined }) {
  const now = useNow();
  const waits = useDetail<Why>("runs", run.id, "why", { enabled: mayWait(run), refetchInterval: LOOKED_AGAIN_MS }).data?.waits;
  const stands = stateOf(run, waits);
  const detail = stands.mark !== "waiting" || waits === undefined ? "" : approval && waits.some((one) => one.approval === approval.id) ? waitsFor(approval) : waitText(waits, now);
  return <><StateMark state={stands.mark} text={stands.words} />{detail !== "" && <span className="second t12 dim3" title={detail}>{detail}</span>}</>;
}
