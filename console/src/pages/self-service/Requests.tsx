/** What was asked for: mine, or everyone's for those who may see runs; a row opens the request beside the list. */
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, type ReactNode } from "react";

import { useList, useShort } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { UNTOLD_MS } from "../../data/requests";
import { useWhy } from "../../data/whys";
import type { Approval, Request } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { Segments } from "../../parts/Filters";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { RequestPanel } from "./RequestPanel";
import { inputsText, standOf } from "./view";

export function Requests({ head }: { head: ReactNode }) {
  const [filters, change] = useFilters();
  const may = useMay();
  const sees = may("run:read");
  const everyones = sees && filters["whose"] === "everyone";
  const current = filters["show"];
  const full = current !== undefined && filters["full"] === "1";
  const close = useCallback(() => change({ show: undefined, full: undefined }), [change]);
  const list = useList<Request>("requests", { namespace: filters["namespace"], everyones: everyones ? true : undefined }, { refetchInterval: everyones ? false : UNTOLD_MS });
  const pending = useShort<Approval>("approvals", { state: ["pending"], limit: 500 }, { enabled: may("approval:read") });
  const asked = useMemo(() => new Map((pending.data?.items ?? []).map((one) => [one.request, one])), [pending.data]);
  const rows = useMemo(() => list.items.toSorted((a, b) => b.created_at.localeCompare(a.created_at)), [list.items]);

  const to = (row: Request) => ({ to: "/self-service/$tab", params: { tab: "requests" }, search: { ...filters, show: row.id } }) as const;
  const columns: readonly Column<Request>[] = [
    { id: "id", head: "Id", width: "84px", cell: (row) => <span className="mono">{row.id}</span> },
    { id: "what", head: "What", cell: (row) => <><Link {...to(row)} className="title">{row.title}</Link><span className="second">{inputsText(row.inputs) || row.reason || row.workflow}</span></> },
    { id: "state", head: "State", width: current ? "44%" : "34%", cell: (row) => <Stands row={row} approval={asked.get(row.id)} /> },
    ...(everyones && !current ? [{ id: "who", head: "Who", width: "130px", cell: (row: Request) => <>{nameOf(row.requester)}<span className="second">{row.namespace}</span></> }] : []),
    { id: "at", head: "Asked", width: "92px", num: true, cell: (row) => <RelativeTime at={row.created_at} suffix=" ago" /> },
  ];
  return (
    <>
      {!full && (
        <div className="page fixed">
          {head}
          {sees && (
            <div className="filters">
              <Segments name="whose" label="Whose" options={[{ value: "", label: "Mine" }, { value: "everyone", label: "Everyone’s" }]} />
              {everyones && <Announce resource="requests" one="request" />}
            </div>
          )}
          <section className="card fill" aria-label="Requests">
            {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
              : list.isLoading ? <Loading what="requests" />
              : (
                <DataTable
                  label="Requests" rows={rows} columns={columns} rowKey={(row) => row.id} two current={current} more={list.more} loadMore={list.loadMore} onOpen={(row) => change({ show: row.id })}
                  empty={everyones
                    ? <EmptyState title="Nobody asked for anything yet"><p>Nothing was asked for in the namespaces whose runs you may see.</p></EmptyState>
                    : <EmptyState title="You asked for nothing yet"><p>What you ask for stays here, with who agreed and what came of it.</p><Link className="btn" to="/self-service/$tab" params={{ tab: "offers" }}>See what is offered to you</Link></EmptyState>}
                  card={(row) => (
                    <Link {...to(row)} className="card-row">
                      <span className="row" style={{ alignItems: "flex-start" }}><span className="stack grow" style={{ gap: 0 }}><Stands row={row} approval={asked.get(row.id)} /></span><span className="end nowrap dim3 t12"><RelativeTime at={row.created_at} suffix=" ago" /></span></span>
                      <span className="title">{row.title}</span>
                      {inputsText(row.inputs) !== "" && <span className="t12 dim wrap">{inputsText(row.inputs)}</span>}
                      <span className="row t12 dim3"><span className="mono">{row.id}</span>{everyones && <span>{nameOf(row.requester)}</span>}</span>
                    </Link>
                  )}
                />
              )}
            {rows.length > 0 && <ListFoot shown={rows.length} more={list.more} loading={list.isLoadingMore} />}
          </section>
        </div>
      )}
      {current && <RequestPanel key={current} id={current} onClose={close} />}
    </>
  );
}

/** Who may see its run is told at once what that waits for; whoever else asked for it when the list is read again. */
function Stands({ row, approval }: { row: Request; approval: Approval | undefined }) {
  const now = useNow();
  const may = useMay();
  const why = useWhy(row.run ?? "", { enabled: row.outcome?.state === "running" && may("run:read", row.namespace) });
  const stand = standOf(row, now, approval, why.data?.waits);
  return <><StateMark state={stand.mark} text={stand.words} />{stand.detail !== "" && <span className="second t12 dim3" title={stand.detail}>{stand.detail}</span>}</>;
}
