/** Where a run of a list stands; of one that waits, for what or for whom. */
import type { Approval, Run } from "../../data/types";
import { useWhy } from "../../data/whys";
import { StateMark } from "../../parts/marks";
import { useNow } from "../../parts/time";
import { waitsFor } from "../self-service/view";
import { mayWait, stateOf, waitText, type Stand } from "./view";

/** `approval` is what it asks people, where that is known. */
export function useStand(run: Run, approval?: Approval): Stand & { detail: string } {
  const now = useNow();
  const waits = useWhy(run.id, { enabled: mayWait(run) }).data?.waits ?? [];
  const stands = stateOf(run, waits);
  const asked = approval && waits.some((one) => one.approval === approval.id);
  return { ...stands, detail: stands.mark !== "waiting" ? "" : asked ? waitsFor(approval) : waitText(waits, now) };
}

export function Stands({ run, approval }: { run: Run; approval?: Approval | undefined }) {
  const { mark, words, detail } = useStand(run, approval);
  return <><StateMark state={mark} text={words} />{detail !== "" && <span className="second t12 dim3" title={detail}>{detail}</span>}</>;
}
