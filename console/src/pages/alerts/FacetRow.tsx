/** What is common among all alerts that the filters find; a click narrows the list to it, another one widens it again. */
import { Menu } from "@mantine/core";

import type { Facets } from "../../data/types";
import { count, sentence } from "../../parts/format";
import { isSeverity, SeverityShape } from "../../parts/marks";
import { useFilters } from "../../shell/filters";
import { GROUPS, heldBy, narrowedTo, ordered, worth, type Group } from "./facets";

/** Values of a field that are shown; the others are in a menu. */
const SHOWN = 4;

/** Beside an open panel there is room for `few` of them: those of OnCue's own words. */
export function FacetRow({ facets, few }: { facets: Facets; few: boolean }) {
  const [filters] = useFilters();
  const groups = GROUPS.filter((group) => (!few || group.words || heldBy(group, filters) !== null) && worth(group, facets[group.field], heldBy(group, filters)));
  if (groups.length === 0) return null;
  return (
    <div className="facets wide-only" role="group" aria-label="Narrow to">
      {groups.map((group) => <Field key={group.field} group={group} facets={facets} />)}
    </div>
  );
}

function Field({ group, facets }: { group: Group; facets: Facets }) {
  const [filters, change] = useFilters();
  const held = heldBy(group, filters);
  const values = ordered(group, facets[group.field]);
  // What is chosen stays there to be taken back, though nothing has it any more.
  const all = held !== null && !values.some((one) => one.value === held) ? [{ value: held, count: 0 }, ...values] : values;
  const rest = all.slice(SHOWN);
  const words = (value: string): string => (group.words ? sentence(value) : value);
  return (
    <span className="facet">
      <span className="eyebrow">{group.title}</span>
      {all.slice(0, SHOWN).map((one) => (
        <button key={one.value} type="button" className="tag facet-value" aria-pressed={held === one.value} onClick={() => change(narrowedTo(group, held === one.value ? null : one.value))}>
          {group.field === "severity" && isSeverity(one.value) && <span aria-hidden="true" className="row"><SeverityShape severity={one.value} small /></span>}
          <span className="cut">{words(one.value)}</span> <span className="dim3">{count(one.count)}</span>
        </button>
      ))}
      {rest.length > 0 && (
        <Menu position="bottom-start" width={260} withInitialFocusPlaceholder={false}>
          <Menu.Target><button type="button" className="tag facet-value" aria-label={`+${String(rest.length)} more values of ${group.title}`}>+{rest.length}</button></Menu.Target>
          <Menu.Dropdown style={{ maxHeight: 360, overflow: "auto" }}>
            {rest.map((one) => <Menu.Item key={one.value} onClick={() => change(narrowedTo(group, one.value))} rightSection={<span className="dim3 t12">{count(one.count)}</span>}>{words(one.value)}</Menu.Item>)}
          </Menu.Dropdown>
        </Menu>
      )}
    </span>
  );
}
