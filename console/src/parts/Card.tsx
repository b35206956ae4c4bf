/** The card: a head with title, scope and a quiet end; then the body. */
import { useEffect, useRef, type ReactNode } from "react";

interface Props {
  title: ReactNode;
  scope?: ReactNode;
  end?: ReactNode;
  className?: string;
  children: ReactNode;
  id?: string;
}

export function Card({ title, scope, end, className, children, id }: Props) {
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    // The card of an address such as /incidents/INC-7#told: it is drawn long after the address was opened.
    if (id !== undefined && window.location.hash === `#${id}`) card.current?.scrollIntoView({ block: "start" });
  }, [id]);
  return (
    <section ref={card} className={className ? `card ${className}` : "card"} aria-labelledby={id ? `${id}-title` : undefined} id={id}>
      <header>
        <h2 id={id ? `${id}-title` : undefined}>{title}</h2>
        {scope !== undefined && scope !== null && <span className="scope">{scope}</span>}
        {end !== undefined && end !== null && <span className="end">{end}</span>}
      </header>
      {children}
    </section>
  );
}

/** Terms and their values; entries without a value are left out. */
export function Pairs({ entries }: { entries: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="pairs">
      {entries.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([term, value]) => (
        <div key={term} style={{ display: "contents" }}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
