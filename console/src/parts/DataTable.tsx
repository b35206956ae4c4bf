/**
 * A table of any length: sticky head, rows drawn only where they are seen, pages read as the end comes near. On a phone
 * the same rows are cards. Arrow keys or j and k move between rows, Enter opens one.
 */
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

export interface Column<T> {
  id: string;
  head: ReactNode;
  cell: (row: T) => ReactNode;
  /** CSS width; the column without one takes what is left. */
  width?: string;
  num?: boolean;
  className?: (row: T) => string;
}

interface Props<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  rowKey: (row: T) => string;
  card: (row: T) => ReactNode;
  onOpen?: (row: T) => void;
  current?: string | undefined;
  selected?: ReadonlySet<string>;
  two?: boolean;
  more?: boolean;
  loadMore?: () => void;
  empty: ReactNode;
}

export const PHONE = "(max-width: 720px)";

export function DataTable<T>(props: Props<T>) {
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  if (props.rows.length === 0) return <>{props.empty}</>;
  return phone ? <Cards {...props} /> : <Rows {...props} />;
}

function Cards<T>({ label, rows, rowKey, card, more, loadMore }: Props<T>) {
  return (
    <>
      <ul className="cards-list" aria-label={label}>
        {rows.map((row) => <li key={rowKey(row)}>{card(row)}</li>)}
      </ul>
      {more && <div className="list-foot"><button type="button" className="btn" onClick={loadMore}>Show more</button></div>}
    </>
  );
}

function Rows<T>({ label, rows, columns, rowKey, onOpen, current, selected, two, more, loadMore }: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState(0);
  const height = two ? 44 : 32;
  // The compiler's memoisation rules do not apply here: the project does not use the React compiler.
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 16 });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;

  useEffect(() => {
    if (more && loadMore && last >= rows.length - 20) loadMore();
  }, [last, rows.length, more, loadMore]);

  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);

  const onKeyDown = (event: KeyboardEvent<HTMLTableSectionElement>): void => {
    const row = (event.target as HTMLElement).closest("tr");
    if (row === null || event.target !== row) return;
    const step = event.key === "ArrowDown" || event.key === "j" ? 1 : event.key === "ArrowUp" || event.key === "k" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, focused + step));
      setFocused(next);
      virtual.scrollToIndex(next);
      requestAnimationFrame(() => {
        scroller.current?.querySelector<HTMLElement>(`tr[data-index="${String(next)}"]`)?.focus();
      });
    }
    const chosen = rows[focused];
    if (event.key === "Enter" && chosen !== undefined) onOpen?.(chosen);
  };

  return (
    <div className="table-scroll" ref={scroller}>
      <table className={two ? "data two" : "data"} aria-label={label} aria-rowcount={rows.length}>
        <colgroup>{columns.map((column) => <col key={column.id} style={column.width ? { width: column.width } : {}} />)}</colgroup>
        <thead>
          <tr>{columns.map((column) => <th key={column.id} scope="col" className={column.num ? "num" : undefined}>{column.head}</th>)}</tr>
        </thead>
        <tbody onKeyDown={onKeyDown}>
          {before > 0 && <tr className="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: before }} /></tr>}
          {shown.map(({ index }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const key = rowKey(row);
            return (
              <tr
                key={key}
                data-index={index}
                aria-rowindex={index + 1}
                aria-selected={selected ? selected.has(key) : undefined}
                className={`${onOpen ? "openable" : ""}${current === key ? " current" : ""}`}
                tabIndex={onOpen ? (index === focused ? 0 : -1) : undefined}
                onFocus={() => setFocused(index)}
                onClick={(event) => {
                  if (!onOpen || (event.target as HTMLElement).closest("a, button, input, label")) return;
                  if (window.getSelection()?.toString()) return;
                  onOpen(row);
                }}
              >
                {columns.map((column) => (
                  <td key={column.id} className={`${column.num ? "num " : ""}${column.className?.(row) ?? ""}`}>{column.cell(row)}</td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <tr className="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: after }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}
