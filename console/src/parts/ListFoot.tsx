/** How much of a list is shown, and that there is more. */
import { count } from "./format";

export function ListFoot({ shown, more, loading, total }: { shown: number; more: boolean; loading: boolean; total?: number | undefined }) {
  return (
    <div className="list-foot" role="status">
      <span>{count(shown)}{!more ? " in all" : total !== undefined && total > shown ? ` of ${count(total)} shown` : " shown, more follow"}</span>
      {loading && <span>Reading more.</span>}
    </div>
  );
}
