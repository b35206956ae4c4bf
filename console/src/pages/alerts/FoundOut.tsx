/** What was found out about an alert after it began, with who or which run found it; people add theirs. */
import { Modal, Textarea, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useEnrich } from "../../data/commands";
import { nameOf, useMay } from "../../data/me";
import type { Alert } from "../../data/types";
import { ErrorState } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { labelsIn } from "./view";

export function FoundOut({ alert }: { alert: Alert }) {
  const may = useMay();
  const [adding, setAdding] = useState(false);
  const found = alert.enriched;
  const mayAdd = alert.state === "firing" && may("alert:enrich", alert.namespace);
  if (!found && !mayAdd) return null;
  return (
    <div className="panel-section stack" style={{ gap: 8 }}>
      <div className="row">
        <h2 className="heading">Found out</h2>
        {mayAdd && <button type="button" className="btn small end" onClick={() => setAdding(true)}>Add</button>}
      </div>
      {!found && <p className="t12 dim">Nothing was added since it began.</p>}
      {found?.notes?.map((note) => (
        <div key={`${note.at}${note.text}`}>
          <div className="said wrap">{note.text}</div>
          <p className="t12 dim3"><By by={note.by} at={note.at} /></p>
        </div>
      ))}
      {found?.links?.map((link) => (
        <div key={link.url} className="row wrapping">
          <a className="link wrap" href={link.url} target="_blank" rel="noopener noreferrer">{link.title || link.url}</a>
          <span className="t12 dim3"><By by={link.by} at={link.at} /></span>
        </div>
      ))}
      {found && [...Object.entries(found.labels ?? {}), ...Object.entries(found.annotations ?? {})].map(([name, given]) => (
        <div key={`${name}-${given.at}`} className="row wrapping">
          <span className="tag mono">{name}={given.value}</span>
          <span className="t12 dim3">{given.beneath ? `instead of ${given.beneath}, ` : ""}<By by={given.by} at={given.at} /></span>
        </div>
      ))}
      <Modal opened={adding} onClose={() => setAdding(false)} title="Add what you found out" size={480}>
        {adding && <Form alert={alert} onClose={() => setAdding(false)} />}
      </Modal>
    </div>
  );
}

function By({ by, at }: { by: string; at: string }) {
  const run = by.startsWith("run:") ? by.slice(4) : null;
  return (
    <>
      {run !== null ? <Link className="link mono" to="/runs/$id" params={{ id: run }}>{run}</Link> : `by ${nameOf(by)}`}, <RelativeTime at={at} suffix=" ago" />
    </>
  );
}

function Form({ alert, onClose }: { alert: Alert; onClose: () => void }) {
  const enrich = useEnrich();
  const [note, setNote] = useState("");
  const [url, setUrl] = useState("");
  const [labels, setLabels] = useState("");
  const named = labelsIn(labels);
  const badUrl = url.trim() !== "" && !/^https?:\/\//i.test(url.trim());
  const something = note.trim() !== "" || url.trim() !== "" || (named !== null && Object.keys(named).length > 0);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        enrich.mutate({
          id: alert.id, labels: named ?? {},
          links: url.trim() ? [{ url: url.trim() }] : [], ...(note.trim() ? { note: note.trim() } : {}),
        }, { onSuccess: onClose });
      }}
    >
      <p className="dim">It stays with the alert as long as it lasts, and is in its later messages. Labels count like its own for silences, inhibitions and windows.</p>
      <Textarea label="Note" autosize minRows={2} maxLength={4000} data-autofocus value={note} onChange={(event) => setNote(event.currentTarget.value)} />
      <TextInput label="Link" placeholder="https://" value={url} onChange={(event) => setUrl(event.currentTarget.value)} error={badUrl ? "Only web addresses" : undefined} />
      <TextInput
        label="Labels" placeholder="rack=r7, owner=dba" description="name= takes an added one back" value={labels}
        onChange={(event) => setLabels(event.currentTarget.value)} error={named === null ? "Write name=value, with commas between" : undefined}
      />
      {enrich.error && <ErrorState error={enrich.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!something || badUrl || named === null || enrich.isPending}>Add</button>
        <button type="button" className="btn" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
