/** Self-service: what is offered to me, asking for it, and what became of what was asked for. */
import { useParams } from "@tanstack/react-router";

import { useShort } from "../../data/lists";
import { UNTOLD_MS } from "../../data/requests";
import type { Request } from "../../data/types";
import { HelpLink } from "../../parts/HelpLink";
import { EmptyState } from "../../parts/states";
import { Tabs } from "../../parts/Tabs";
import { Offers } from "./Offers";
import { Requests } from "./Requests";
import { underWay } from "./view";

export default function SelfServicePage() {
  const { tab = "offers" } = useParams({ strict: false });
  const mine = useShort<Request>("requests", {}, { refetchInterval: UNTOLD_MS });
  const moving = underWay(mine.data?.items ?? []);
  const tabs = [{ tab: "offers", label: "Offered to you" }, { tab: "requests", label: moving === 0 ? "Requests" : `Requests, ${String(moving)} under way` }];
  const head = (
    <>
      <div className="page-head"><div><h1 className="place">Self-service</h1><p className="dim">Ask for what others prepared; see what becomes of it. <HelpLink page="how-to/self-service.md">How it works</HelpLink></p></div></div>
      <Tabs label="Self-service" to="/self-service/$tab" tabs={tabs} current={tab} />
    </>
  );
  if (tab === "offers") return <Offers head={head} />;
  if (tab === "requests") return <Requests head={head} />;
  return <div className="page">{head}<EmptyState title="There is no such part" /></div>;
}
