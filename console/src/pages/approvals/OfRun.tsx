/** The approvals that a run asks for now, to be decided where the run is shown. */
import { useDetail } from "../../data/lists";
import type { ApprovalDetail, RunDetail } from "../../data/types";
import { Deciding } from "./Deciding";

/** More than these at once are decided on the page of approvals. */
const FEW = 5;

export function ApprovalsOfRun({ run }: { run: RunDetail }) {
  const wanted = (run.steps ?? []).filter((step) => step.uses === "approval" && step.awaits?.startsWith("approval ")).slice(0, FEW).map((step) => step.awaits?.slice(9) ?? "");
  return <>{wanted.map((id) => <One key={id} id={id} />)}</>;
}

function One({ id }: { id: string }) {
  const query = useDetail<ApprovalDetail>("approvals", id);
  return query.data ? <Deciding approval={query.data} within /> : null;
}
