/** How much of a list is shown, and that there is more. */
import { count } from "./format";

export function ListFoot({ shown, more, loading }: { shown: number; more: boolean; loading: boolean }) {
  return (
    <div className="list-foot" role="status">
      <span>{count(shown)}{more ? " shown, more follow" : " in all"}</span>
      {loading && <span>Reading more.</span>}
    </div>
  );
}
