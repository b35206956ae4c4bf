/** What a change of configuration does to each manifest, as the documents before and after it. */
import type { Change } from "../../data/types";
import { document } from "../policies/view";

type Proposed = Change["configuration"][number];
type Edit = Proposed["edit"];

export interface Edited {
  /** `Service/production/shop`. */
  id: string;
  is: "created" | "updated" | "deleted";
  before: string;
  after: string;
}

export const isOfConfiguration = (change: Pick<Change, "configuration">): boolean => change.configuration.length > 0;

/** Whether its manifests were taken, so that there is a way back. */
export const isTaken = (change: Pick<Change, "configuration" | "close_code">): boolean =>
  isOfConfiguration(change) && (change.close_code === "successful" || change.close_code === "successful_with_issues");

export function editedBy({ edit, back }: Proposed): Edited {
  const is = edit.op === "delete" ? "deleted" : back.op === "delete" ? "created" : "updated";
  // Comments are shown where both have them, or there is but one: else every line would seem to differ.
  const written = is !== "updated" || (edit.text !== undefined && back.text !== undefined);
  return { id: `${edit.kind}/${edit.namespace}/${edit.name}`, is, before: text(back, written), after: text(edit, written) };
}

function text(edit: Edit, written: boolean): string {
  if (edit.op === "delete") return "";
  const { kind, name, namespace, labels = {}, owner = null, review_by = null, description = null, spec = {} } = edit;
  return document(kind, { name, namespace, labels, owner, review_by, description, spec: spec as Record<string, unknown>, text: written ? edit.text ?? "" : "" });
}
