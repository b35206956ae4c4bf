/** The filter bar of a list: search, choices, a time range. Everything it holds is in the address. */
import { Select } from "@mantine/core";
import { useEffect, useId, useState, type ReactNode } from "react";

import { useFilters } from "../shell/filters";
import { sentence } from "./format";
import { Icon } from "./Icon";

/** Typing waits this long before the list is asked for again. */
const TYPING_MS = 250;

export function SearchField({ name = "q", label, placeholder }: { name?: string; label: string; placeholder?: string }) {
  const [filters, change] = useFilters();
  const held = filters[name] ?? "";
  const [typed, setTyped] = useState(held);
  const [seen, setSeen] = useState(held);
  if (held !== seen) {
    setSeen(held);
    setTyped(held);
  }
  useEffect(() => {
    if (typed === held) return undefined;
    const timer = setTimeout(() => change({ [name]: typed.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, held, name, change]);
  return (
    <div className="search-field">
      <Icon name="search" size="m" />
      <input className="field" type="search" aria-label={label} placeholder={placeholder ?? label} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
    </div>
  );
}

/**
 * The filters that one needs now and then. Where there is room they stand in the bar; on a phone a button beside the
 * search opens them, and says how many of them narrow the list.
 */
export function MoreFilters({ names, children }: { names: readonly string[]; children: ReactNode }) {
  const [filters] = useFilters();
  const [open, setOpen] = useState(false);
  const id = useId();
  const used = names.filter((name) => filters[name]).length;
  return (
    <>
      <button type="button" className="btn phone-only more-filters-button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Icon name="filter" size="m" />Filters{used > 0 ? ` (${String(used)})` : ""}
      </button>
      <div id={id} className={open ? "more-filters open" : "more-filters"}>{children}</div>
    </>
  );
}

export function Choice({ name, label, values, width = 130 }: { name: string; label: string; values: readonly string[]; width?: number }) {
  const [filters, change] = useFilters();
  return (
    <Select
      aria-label={label} placeholder={label} clearable size="xs" w={width} value={filters[name] ?? null}
      data={values.map((value) => ({ value, label: sentence(value) }))}
      onChange={(value) => change({ [name]: value ?? undefined })}
    />
  );
}

/** One of many names, which are looked for by typing. */
export function Picked({ name, label, values, width = 160 }: { name: string; label: string; values: readonly string[]; width?: number }) {
  const [filters, change] = useFilters();
  return (
    <Select
      aria-label={label} placeholder={label} clearable searchable size="xs" w={width} value={filters[name] ?? null} data={[...values]}
      onChange={(value) => change({ [name]: value ?? undefined })}
    />
  );
}

export function TextFilter({ name, label, width = 150 }: { name: string; label: string; width?: number }) {
  const [filters, change] = useFilters();
  const held = filters[name] ?? "";
  const [typed, setTyped] = useState(held);
  const [seen, setSeen] = useState(held);
  if (held !== seen) {
    setSeen(held);
    setTyped(held);
  }
  const commit = (): void => {
    if (typed.trim() !== held) change({ [name]: typed.trim() });
  };
  return (
    <input
      className="field" style={{ width }} aria-label={label} placeholder={label} value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)} onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
      }}
    />
  );
}

/** One of a few views, as segments; an empty value is the list's own default. */
export function Segments({ name, label, options }: { name: string; label: string; options: readonly { value: string; label: ReactNode }[] }) {
  const [filters, change] = useFilters();
  const held = filters[name] ?? "";
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={held === option.value} onClick={() => change({ [name]: option.value })}>{option.label}</button>
      ))}
    </div>
  );
}

export function ClearFilters({ names }: { names: readonly string[] }) {
  const [filters, change] = useFilters();
  if (!names.some((name) => filters[name])) return null;
  return (
    <button type="button" className="btn ghost" onClick={() => change(Object.fromEntries(names.map((name) => [name, undefined])))}>
      <Icon name="close" size="s" />Clear
    </button>
  );
}
