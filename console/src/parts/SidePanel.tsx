/** One thing beside its list, under an address of its own; it can take the whole page. Escape closes it. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, type ReactNode } from "react";

import { Icon } from "./Icon";

export function SidePanel({ title, label, onClose, children }: { title: ReactNode; label: string; onClose: () => void; children: ReactNode }) {
  const panel = useRef<HTMLElement>(null);
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const full = search["full"] === "1";

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented && document.querySelector('[role="dialog"], [role="menu"]') === null) onClose();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [onClose]);

  return (
    <aside className={full ? "panel full" : "panel"} ref={panel} aria-label={label}>
      <div className="panel-head">
        <div className="row grow">{title}</div>
        <button
          type="button" className="btn ghost square wide-only" aria-pressed={full}
          aria-label={full ? "Show beside the list" : "Show as a full page"} title={full ? "Show beside the list" : "Show as a full page"}
          onClick={() => void navigate({ to: ".", search: { ...search, full: full ? undefined : "1" }, replace: true })}
        >
          <Icon name="expand" />
        </button>
        <button type="button" className="btn ghost square" aria-label="Close" title="Close (Esc)" onClick={onClose}><Icon name="close" /></button>
      </div>
      <div className="panel-body">{children}</div>
    </aside>
  );
}
