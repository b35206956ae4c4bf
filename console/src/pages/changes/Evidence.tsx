/** The evidence of a change: a page to read, and what an auditor keeps, the sealed bundle and the PDF of it. */
import { useMutation } from "@tanstack/react-query";

import { evidenceOf } from "../../data/changes";
import { useMe } from "../../data/me";
import { saveAs } from "../../parts/Code";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";
import { keptAs } from "./view";

export function Evidence({ id }: { id: string }) {
  const { label, title, format } = keptAs(useMe().data?.pdf ?? false);
  const keep = useMutation({ mutationFn: () => evidenceOf(id, format), onSuccess: (content) => saveAs(content, `${id}-evidence.${format}`) });
  return (
    <span className="stack" style={{ gap: 6 }}>
      <span className="row wrapping">
        <a className="link" href={`/api/v1/changes/${id}/evidence?format=html`} target="_blank" rel="noreferrer">to read</a>
        <button type="button" className="btn small" disabled={keep.isPending} title={title} onClick={() => keep.mutate()}><Icon name="download" size="s" />{keep.isPending ? "Gathering" : label}</button>
      </span>
      {keep.error && <ErrorState error={keep.error} />}
    </span>
  );
}
