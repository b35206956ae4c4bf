/** What a ticket has in other systems, and whether that is in step: what waits and why, and when it is tried again. */
import { useRetryMirror } from "../../data/commands";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { useMay } from "../../data/me";
import type { Mirrored, Ticket } from "../../data/types";
import { StateMark } from "../../parts/marks";
import { ErrorState } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { mirrorWords, waits } from "./view";

/** Nothing if it is mirrored nowhere. */
export function Mirrors({ ticket }: { ticket: Ticket }) {
  const query = useDetail<Page<Mirrored>>("tickets", ticket.id, "mirrors");
  const items = [...(query.data?.items ?? [])].sort((one, other) => one.mirror.localeCompare(other.mirror));
  if (items.length === 0) return query.error ? <div className="panel-section"><ErrorState error={query.error} /></div> : null;
  return (
    <section className="panel-section stack" aria-labelledby="elsewhere">
      <h2 id="elsewhere" className="heading">In other systems</h2>
      <ul className="mirrors">{items.map((one) => <Counterpart key={one.id} one={one} />)}</ul>
    </section>
  );
}

function Counterpart({ one }: { one: Mirrored }) {
  const retry = useRetryMirror();
  const may = useMay();
  const name = one.mirror.split("/")[1] ?? one.mirror;
  const said = waits(one);
  return (
    <li>
      <div className="row wrapping">
        <b className="med">{name}</b>
        <StateMark state={one.state} text={mirrorWords(one)} />
        {one.url ? <a className="link mono" href={one.url} target="_blank" rel="noreferrer">{one.number ?? one.remote}</a> : one.remote && <span className="mono dim3">{one.number ?? one.remote}</span>}
        {one.remote_state && <span className="dim3 t12">there: {one.remote_state}</span>}
      </div>
      {said && <p className={one.error_code ? "wrap failure-text" : "wrap dim"}>{said}</p>}
      {one.error_code && (
        <div className="row wrapping">
          <span className="reason">{one.error_code}</span>
          {one.next_try_at && <span className="dim3 t12">tried {one.failures === 1 ? "once" : `${String(one.failures)} times`}, next try <RelativeTime at={one.next_try_at} /></span>}
          {one.next_try_at && may("ticket:transition", one.namespace) && <button type="button" className="btn small" disabled={retry.isPending} onClick={() => retry.mutate({ namespace: one.namespace, ticket: one.ticket, mirror: name })}>Try now</button>}
        </div>
      )}
      {retry.error && <ErrorState error={retry.error} />}
    </li>
  );
}
