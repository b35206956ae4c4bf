/** Quiet: what keeps alerts from calling people, who asked for it, and until when. */
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { useMay, useMe } from "../../data/me";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { EmptyState } from "../../parts/states";
import { Tabs } from "../../parts/Tabs";
import { useFilters } from "../../shell/filters";
import { Inhibitions } from "./Inhibitions";
import { NewSilence } from "./NewSilence";
import { Silences } from "./Silences";
import { Windows } from "./Windows";

const TABS = [
  { tab: "silences", label: "Silences" },
  { tab: "windows", label: "Maintenance windows" },
  { tab: "inhibitions", label: "Inhibitions" },
] as const;
const ANY = [{ name: "resource", value: "", is_regex: false, is_equal: true }];

export default function QuietPage() {
  const { tab = "silences" } = useParams({ strict: false });
  const [filters] = useFilters();
  const [adding, setAdding] = useState(false);
  const may = useMay();
  const me = useMe().data;
  const head = (
    <>
      <div className="page-head">
        <div><h1 className="place">Quiet</h1><p className="dim">Nothing is dropped: what is quiet calls nobody, and says why. <HelpLink page="how-to/quiet.md">Which one for what</HelpLink></p></div>
        {tab === "silences" && may("silence:write") && <div className="actions"><button type="button" className="btn primary" onClick={() => setAdding(true)}><Icon name="plus" size="m" />New silence</button></div>}
      </div>
      <Tabs label="Quiet" to="/quiet/$tab" tabs={TABS} current={tab} />
    </>
  );
  return (
    <>
      {tab === "silences" ? <Silences head={head} />
        : tab === "windows" ? <Windows head={head} />
        : tab === "inhibitions" ? <Inhibitions head={head} />
        : <div className="page">{head}<EmptyState title="There is no such part" /></div>}
      <NewSilence opened={adding} onClose={() => setAdding(false)} matchers={ANY} namespace={filters["namespace"] ?? me?.home ?? "default"} />
    </>
  );
}
