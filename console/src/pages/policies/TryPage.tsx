/** What every policy would make of one event. */
import { useMe } from "../../data/me";
import { useFilters } from "../../shell/filters";
import { Loading } from "../../parts/states";
import { TryOn } from "./TryOn";

export default function TryPage() {
  const [filters, change] = useFilters();
  const me = useMe().data;
  if (!me) return <div className="page"><Loading what="who you are" /></div>;
  return (
    <div className="page narrow">
      <div className="page-head"><div><h1>Try policies on an event</h1><p className="dim">Decided by an engine in memory, with the configuration in force. Nothing is changed, and nobody is told.</p></div></div>
      <TryOn namespace={filters["namespace"] ?? me.home} position={filters["on"]} choose={(position) => change({ on: position })} />
    </div>
  );
}
