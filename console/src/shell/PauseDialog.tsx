/** Pausing automatic runs: where, why and for how long. */
import { Modal, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { useMay, useMe } from "../data/me";
import { EVERYWHERE, usePause, where } from "../data/pauses";
import type { Pause } from "../data/types";
import { ErrorState } from "../parts/states";
import { useFilters } from "./filters";
import { useNamespaces } from "./namespaces";

const LENGTHS = [
  { value: "30m", label: "30 minutes" }, { value: "1h", label: "1 hour" }, { value: "2h", label: "2 hours" }, { value: "4h", label: "4 hours" },
  { value: "12h", label: "12 hours" }, { value: "1d", label: "1 day" }, { value: "7d", label: "7 days" },
];

export default function PauseDialog({ onClose, from }: { onClose: () => void; from?: Pause }) {
  return (
    <Modal opened onClose={onClose} title={from ? `Change the pause ${where(from.id)}` : "Pause automatic runs"} size={480}>
      <Form onClose={onClose} {...(from ? { from } : {})} />
    </Modal>
  );
}

function Form({ onClose, from }: { onClose: () => void; from?: Pause }) {
  const pause = usePause();
  const may = useMay();
  const me = useMe().data;
  const [filters] = useFilters();
  const names = useNamespaces().filter((name) => may("pause:write", name));
  const choices = [...names.map((name) => ({ value: name, label: name })), ...(may("pause:write", EVERYWHERE) ? [{ value: EVERYWHERE, label: "Everywhere" }] : [])];
  const [chosen, choose] = useState<string | null>(null);
  const own = filters["namespace"] ?? me?.home ?? "default";
  const place = from?.id ?? chosen ?? (names.includes(own) ? own : choices[0]?.value ?? own);
  const [reason, setReason] = useState(from?.reason ?? "");
  const [length, setLength] = useState("1h");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        pause.mutate({ namespace: place, reason: reason.trim(), length }, { onSuccess: onClose });
      }}
    >
      <p className="dim">Policies decide as before, people are told of everything, and tickets are written; but no run is started by itself. Runs that are under way go on, and runs can be started by hand.</p>
      {!from && <Select label="Where" allowDeselect={false} data={choices} value={place} onChange={choose} />}
      <TextInput label="Why: whoever wonders reads it" required withAsterisk={false} maxLength={1000} value={reason} data-autofocus onChange={(event) => setReason(event.currentTarget.value)} />
      <Select label="For, from now on" description="It ends by itself." allowDeselect={false} data={LENGTHS} value={length} onChange={(value) => setLength(value ?? "1h")} />
      {pause.error && <ErrorState error={pause.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={reason.trim() === "" || pause.isPending}>{from ? "Change" : `Pause ${where(place)}`}</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
