/** How risky a change is, and what makes it so: each factor with its points. */
import type { Change } from "../../data/types";
import { Card } from "../../parts/Card";

const NAMES: Record<string, string> = {
  criticality: "Criticality", reach: "What needs it", waves: "Waves", undoing: "Undoing", history: "Template before", targets: "Targets before",
  time: "Time of day", type: "Type",
};
/** Points that no factor exceeds. */
const MOST = 25;

export function RiskCard({ risk }: { risk: NonNullable<Change["risk"]> }) {
  return (
    <Card title={`Risk ${String(risk.score)}`} scope={`of 100, ${risk.level.replace("_", " ")}`}>
      {risk.factors.length === 0
        ? <p className="card-body dim">Nothing that is known makes it risky.</p>
        : (
          <ul className="risks">
            {risk.factors.map((one) => (
              <li key={one.name}>
                <span className="med">{NAMES[one.name] ?? one.name}</span>
                <span className="bar" aria-hidden><i style={{ width: `${String(Math.min(100, (one.points / MOST) * 100))}%` }} /></span>
                <b className="points">{one.points}</b>
                <span className="factor dim wrap">{one.said}</span>
              </li>
            ))}
          </ul>
        )}
    </Card>
  );
}
