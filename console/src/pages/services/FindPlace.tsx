/** Finding a place by a part of its name: a list under what is typed, moved through by the keyboard. */
import { useDebouncedValue } from "@mantine/hooks";
import { useId, useState } from "react";

import { usePlaces } from "../../data/topology";
import type { Place } from "../../data/types";
import { Icon } from "../../parts/Icon";
import { SeverityShape } from "../../parts/marks";

export function FindPlace({ namespace, choose }: { namespace: string; choose: (place: Place) => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const [q] = useDebouncedValue(typed.trim(), 150);
  const found = usePlaces(namespace, q).data?.items ?? [];
  const id = useId();
  const open = typed.trim() !== "";
  const take = (place: Place | undefined): void => {
    if (place === undefined) return;
    setTyped("");
    choose(place);
  };
  return (
    <div className="search-field">
      <Icon name="search" size="m" />
      <input
        className="field" type="search" aria-label="Find a place" placeholder="Find a place" value={typed} role="combobox" aria-expanded={open} aria-controls={id} aria-activedescendant={open && found[at] ? `${id}-${String(at)}` : undefined}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(found.length - 1, at + 1));
          else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
          else if (event.key === "Enter") take(found[at]);
          else if (event.key === "Escape" && open) setTyped("");
          else return;
          event.preventDefault();
        }}
      />
      {open && (
        <div className="found" role="listbox" id={id} aria-label="Places">
          {found.length === 0 && <p className="dim3" style={{ padding: 8 }}>Nothing is called so.</p>}
          {found.map((place, index) => (
            <div key={place.id} id={`${id}-${String(index)}`} role="option" aria-selected={index === at} onClick={() => take(place)}>
              {place.severity === "clear" ? <Icon name={place.kind === "Service" ? "service" : "box"} size="s" /> : <SeverityShape severity={place.severity} small />}
              <span className="cut">{place.name}</span><span className="dim3 t12 end">{place.type}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
