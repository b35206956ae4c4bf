/** The evidence of a change: a page to read, and what an auditor keeps, the sealed bundle and the PDF of it. */
import { useMutation } from "@tanstack/react-query";

import { evidenceOf } from "../../data/changes";
import { saveAs } from "../../parts/Code";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";

export function Evidence({ id }: { id: string }) {
  const keep = useMutation({ mutationFn: () => evidenceOf(id), onSuccess: (content) => saveAs(content, `${id}-evidence.zip`) });
  return (
    <span className="stack" style={{ gap: 6 }}>
      <span className="row wrapping">
        <a className="link" href={`/api/v1/changes/${id}/evidence?format=html`} target="_blank" rel="noreferrer">to read</a>
        <button type="button" className="btn small" disabled={keep.isPending} title="The sealed bundle, which anybody can verify, and the PDF of it" onClick={() => keep.mutate()}><Icon name="download" size="s" />{keep.isPending ? "Gathering" : "PDF and proof"}</button>
      </span>
      {keep.error && <ErrorState error={keep.error} />}
    </span>
  );
}
