/** Saying that an alert is about the same thing as another one, which is enough as long as it fires. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import { useDuplicate } from "../../data/commands";
import { useShort } from "../../data/lists";
import type { Alert } from "../../data/types";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";

export function Duplicate({ alert }: { alert: Alert }) {
  const [asking, setAsking] = useState(false);
  if (alert.quiet.some((quiet) => quiet.reason === "duplicate")) return null;
  return (
    <>
      <button type="button" className="btn" onClick={() => setAsking(true)}><Icon name="link" size="m" />Duplicate of …</button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Which alert is enough?" size={480}>
        {asking && <Form alert={alert} onClose={() => setAsking(false)} />}
      </Modal>
    </>
  );
}

function Form({ alert, onClose }: { alert: Alert; onClose: () => void }) {
  const duplicate = useDuplicate();
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, 200);
  const [of, setOf] = useState<string | null>(null);
  const [reason, setReason] = useState("");
  // What is chosen stands in the field as its text, which need not be looked for.
  const firing = useShort<Alert>("alerts", { state: "firing", namespace: alert.namespace, limit: 50, ...(of === null && asked.trim() ? { q: asked.trim() } : {}) });
  const others = (firing.data?.items ?? []).filter((one) => one.id !== alert.id);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (of !== null) duplicate.mutate({ id: alert.id, of, reason: reason.trim() }, { onSuccess: onClose });
      }}
    >
      <p className="dim">Nobody is told of this alert as long as the other one fires. When that ends and this one still fires, people are told. It can be taken back.</p>
      <Select
        label="The other alert" placeholder="Look for a title" searchable data-autofocus value={of} onChange={setOf} onSearchChange={setSearch} searchValue={search}
        filter={({ options }) => options} data={others.map((one) => ({ value: one.id, label: `${one.title} (${one.resource})` }))}
        nothingFoundMessage={firing.data ? "No other alert like that fires here" : "Looking …"} comboboxProps={{ withinPortal: true }}
      />
      <TextInput label="Why, kept in the journal with your name" placeholder="optional" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {firing.error && <ErrorState error={firing.error} retry={() => void firing.refetch()} />}
      {duplicate.error && <ErrorState error={duplicate.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={of === null || duplicate.isPending}>It is a duplicate</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
