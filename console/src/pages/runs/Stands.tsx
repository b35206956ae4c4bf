/** Where a run of a list stands; of one that waits, for what or for whom. */
import type { Approval, Run } from "../../data/types";
import { useWhy } from "../../data/whys";
import { StateMark } from "../../parts/marks";
import { useNow } from "../../parts/time";
import { waitsFor } from "../self-service/view";
import { mayWait, stateOf, waitText } from "./view";

/** `approval` is what it asks people, where that is known. */
export function Stands({ run, approval }: { run: Run; approval?: Approval | undefined }) {
  const now = useNow();
  const waits = useWhy(run, { enabled: mayWait(run) }).data?.waits;
  const stands = stateOf(run, waits);
  const detail = stands.mark !== "waiting" || waits === undefined ? "" : approval && waits.some((one) => one.approval === approval.id) ? waitsFor(approval) : waitText(waits, now);
  return <><StateMark state={stands.mark} text={stands.words} />{detail !== "" && <span className="second t12 dim3" title={detail}>{detail}</span>}</>;
}
