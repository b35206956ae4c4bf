/** Dead letters: input that was refused, kept for a redrive. */
import { useRedrive } from "../../data/commands";
import { useList } from "../../data/lists";
import { useMay } from "../../data/me";
import type { DeadLetter } from "../../data/types";
import { Segments } from "../../parts/Filters";
import { plural } from "../../parts/format";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";

export function DeadLetters() {
  const [filters] = useFilters();
  const may = useMay();
  const redrive = useRedrive();
  const state = { "": "waiting", redriven: "redriven", all: "" }[filters["state"] ?? ""];
  const list = useList<DeadLetter>("dead-letters", { state, namespace: filters["namespace"] }, { refetchInterval: 10_000 });
  return (
    <>
      <div className="filters"><Segments name="state" label="State" options={[{ value: "", label: "Waiting" }, { value: "redriven", label: "Redriven" }, { value: "all", label: "All" }]} /></div>
      {redrive.error && <ErrorState error={redrive.error} />}
      {list.error && <ErrorState error={list.error} retry={list.retry} />}
      {list.isLoading && <Loading what="dead letters" />}
      {!list.isLoading && !list.error && list.items.length === 0 && <EmptyState title="No dead letter"><p>What a sender gets wrong, or what the engine could not process, is kept here with its reason. Nothing is lost.</p></EmptyState>}
      {list.items.length > 0 && (
        <section className="card" aria-label="Dead letters">
          <ul>
            {list.items.map((letter) => (
              <li key={letter.id} className="moving-row">
                <span className="row wrapping">
                  <span className="reason not">{letter.code}</span>
                  <span className="dim3 end"><RelativeTime at={letter.at} suffix=" ago" /></span>
                  {letter.state === "redriven" ? <span className="dim">redriven <RelativeTime at={letter.redriven_at} suffix=" ago" /></span>
                    : may("dead_letter:redrive", letter.namespace) && <button type="button" className="btn small" disabled={redrive.isPending} onClick={() => redrive.mutate({ id: letter.id })}>Redrive</button>}
                </span>
                <span className="wrap">{letter.detail}</span>
                <span className="t12 dim3">number {letter.id}, through {letter.origin}, namespace {letter.namespace}{letter.position ? `, at ${letter.position}` : ""}</span>
                <details className="t12"><summary className="dim">What was received</summary><pre className="code boxed" tabIndex={0} style={{ marginTop: 6, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{letter.body}</pre></details>
              </li>
            ))}
          </ul>
          {list.more && <div className="list-foot"><button type="button" className="btn small" onClick={list.loadMore}>Show more than {plural(list.items.length, "letter")}</button></div>}
        </section>
      )}
    </>
  );
}
