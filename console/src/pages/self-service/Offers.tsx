/** What is offered to me: a row opens the form beside the list. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, type ReactNode } from "react";

import { useMay } from "../../data/me";
import { useOffers } from "../../data/requests";
import type { Offer } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField } from "../../parts/Filters";
import { HelpLink } from "../../parts/HelpLink";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, Loaded } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { Example } from "../quiet/Example";
import { AskPanel } from "./AskPanel";
import { agreeing, howOften, keyOf } from "./view";

const EXAMPLE = `  self_service:
    title: Free disk space
    by: [anyone]                # or team:shop, user:shop-1
    inputs: {host: {enum: [web-1, web-2]}}
    approvals: [{by: ["team:basis"]}]`;

export function Offers({ head }: { head: ReactNode }) {
  const [filters, change] = useFilters();
  const navigate = useNavigate();
  const query = useOffers();
  const current = filters["ask"];
  const full = current !== undefined && filters["full"] === "1";
  const close = useCallback(() => change({ ask: undefined, full: undefined }), [change]);
  const wanted = (filters["q"] ?? "").toLowerCase();
  const narrowed = wanted !== "" || filters["namespace"] !== undefined;
  const rows = inNamespace(query.data?.items ?? [], filters["namespace"]).filter((each) => `${each.title} ${each.workflow} ${each.description ?? ""}`.toLowerCase().includes(wanted));
  const chosen = query.data?.items.find((each) => keyOf(each) === current);
  const several = new Set(query.data?.items.map((each) => each.namespace)).size > 1;
  const open = (offer: Offer): void => change({ ask: keyOf(offer) });
  const to = (offer: Offer) => ({ to: "/self-service/$tab", params: { tab: "offers" }, search: { ...filters, ask: keyOf(offer) } }) as const;

  const columns: readonly Column<Offer>[] = [
    { id: "what", head: "What", cell: (row) => <><Link {...to(row)} className="title">{row.title}</Link><span className="second">{row.description ?? row.workflow}</span></> },
    ...(current ? [] : [
      { id: "agree", head: "Who must agree", width: "24%", cell: (row: Offer) => agreeing(row.approvals) || <span className="dim3">nobody, it runs at once</span> },
      { id: "often", head: "How often", width: "150px", cell: (row: Offer) => howOften(row.limit) || <span className="dim3">any time</span> },
      ...(several ? [{ id: "namespace", head: "Namespace", width: "120px", cell: (row: Offer) => <span className="dim">{row.namespace}</span> }] : []),
    ]),
    { id: "ask", head: <span className="sr">Ask</span>, width: "84px", num: true, cell: (row) => <Link {...to(row)} className="btn small" aria-label={`Ask for ${row.title}`}>Ask</Link> },
  ];
  return (
    <>
      {!full && (
        <div className="page fixed">
          {head}
          {query.data?.items.length !== 0 && <div className="filters"><SearchField label="Search what is offered" /><ClearFilters names={["q"]} /></div>}
          <section className="card fill" aria-label="Offered to you">
            <Loaded query={query} what="what is offered to you">
              {() => (
                <DataTable
                  label="Offered to you" rows={rows} columns={columns} rowKey={keyOf} two current={current} onOpen={open}
                  empty={narrowed ? <EmptyState title="Nothing that is offered to you fits"><p>Change the search, or choose another namespace above.</p></EmptyState> : <NothingOffered />}
                  card={(row) => (
                    <Link {...to(row)} className="card-row">
                      <span className="title">{row.title}</span>
                      {row.description !== null && <span className="t12 dim wrap">{row.description}</span>}
                      <span className="t12 dim3 wrap">{agreeing(row.approvals) === "" ? "It runs at once" : `Must agree: ${agreeing(row.approvals)}`}{row.limit && ` · ${howOften(row.limit)}`}</span>
                    </Link>
                  )}
                />
              )}
            </Loaded>
            {rows.length > 0 && <ListFoot shown={rows.length} more={false} loading={false} />}
          </section>
        </div>
      )}
      {current && query.data && <AskPanel key={current} named={current} offer={chosen} onClose={close} asked={(id) => void navigate({ to: "/self-service/$tab", params: { tab: "requests" }, search: { show: id } })} />}
    </>
  );
}

function NothingOffered() {
  const may = useMay();
  if (!may("manifest:write")) {
    return <EmptyState title="Nothing is offered to you"><p>Who writes workflows says who may ask for them: you, a team of yours, or everyone in a namespace. Ask those who run your systems to offer you what you need again and again.</p></EmptyState>;
  }
  return (
    <EmptyState title="Nothing is offered to you yet">
      <p>A workflow with <span className="mono">self_service</span> in its spec is offered to whom that names; whoever asks needs no right to start runs. Write it into one of the <Link className="link" to="/workflows">workflows</Link>:</p>
      <Example text={EXAMPLE} />
      <p><HelpLink page="how-to/self-service.md">All of it, step by step</HelpLink></p>
    </EmptyState>
  );
}
