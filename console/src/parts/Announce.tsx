/** New rows are announced, then let in. */
import { useQueryClient } from "@tanstack/react-query";

import { letIn, useArrivals, type Resource } from "../data/live";
import { plural } from "./format";

export function Announce({ resource, one }: { resource: Resource; one: string }) {
  const client = useQueryClient();
  const arrivals = useArrivals(resource);
  return (
    <div role="status" style={{ display: "contents" }}>
      {arrivals.size > 0 && (
        <button type="button" className="btn announce" onClick={() => letIn(client, resource)}>
          {plural(arrivals.size, `new ${one}`)}: show
        </button>
      )}
    </div>
  );
}
