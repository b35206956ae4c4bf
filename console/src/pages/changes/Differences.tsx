/** What differs, term by term: what goes is struck out and signed with a minus, what comes is signed with a plus. */
import { useDetail } from "../../data/lists";
import type { Change, PlanDifference } from "../../data/types";
import { Card } from "../../parts/Card";
import { RelativeTime } from "../../parts/time";
import { toldOf, type Told } from "./difference";
import { isUnbegun } from "./view";

/** Above the plan of a change that is to be agreed to again: what it has otherwise than the one before. */
export function PlanDifferences({ change }: { change: Change }) {
  const asked = change.plan !== null && isUnbegun(change) && change.approved !== change.plan.hash;
  const found = useDetail<PlanDifference>("changes", change.id, "plan/difference", { enabled: asked }).data;
  if (!asked || !found?.before || found.differences.length === 0) return null;
  const { before } = found;
  return (
    <Card
      id="differs" title={before.agreed ? "What differs from the plan that was agreed to" : "What differs from the plan before"} className="clip"
      end={<span title={before.hash}><span className="mono">{before.hash.slice(0, 12)}</span>, until <RelativeTime at={before.at} suffix=" ago" /></span>}
    >
      <Differences told={toldOf(found.differences)} />
    </Card>
  );
}

export function Differences({ told }: { told: readonly Told[] }) {
  return (
    <dl className="differences">
      {told.map(({ term, lines, agreed }) => (
        <div key={term}>
          <dt>{term}{!agreed && <span className="dim3 t12"> not part of the plan</span>}</dt>
          <dd>
            {lines.map(({ name, was, now }, index) => (
              <p key={`${name}${String(index)}`} className="wrap">
                {name !== "" && <span className="mono t12">{name}</span>}
                {was !== "" && <del><span className="sr">removed: </span>{was}</del>}
                {now !== "" && <ins><span className="sr">added: </span>{now}</ins>}
              </p>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}
