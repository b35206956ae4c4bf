/** What stands where data would: nothing yet, not yet loaded, or refused. */
import type { ReactNode } from "react";

import { Problem } from "../data/http";
import { Icon } from "./Icon";

/** Says what is not there, and what to do next. */
export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h3>{title}</h3>
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return <p className="loading" role="status">Reading {what}.</p>;
}

/** Says what happened, what is safe, and what to do. */
export function ErrorState({ error, retry }: { error: Error; retry?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  return (
    <div className="notice critical" role="alert">
      <Icon name="incident" />
      <div className="stack" style={{ gap: 4 }}>
        <strong>{problem ? problem.title : "The console could not do this"}</strong>
        <span>{problem ? problem.detail || problem.hint : error.message}</span>
        {problem && problem.detail !== "" && <span className="dim t12">{problem.hint}</span>}
        <span className="row">
          {problem && <span className="reason">{problem.code}</span>}
          {retry && <button type="button" className="btn small" onClick={retry}>Try again</button>}
        </span>
      </div>
    </div>
  );
}

interface Reading<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

/** Shows the data of a query, or why it is not there. */
export function Loaded<T>({ query, what, children }: { query: Reading<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <div className="card-body"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  return <Loading what={what} />;
}
