/** The trail of a change: what its ticket says, newest first. */
import { Link } from "@tanstack/react-router";

import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Comment } from "../../data/types";
import { Card } from "../../parts/Card";
import { dayName, plural } from "../../parts/format";
import { EmptyState, Loaded } from "../../parts/states";
import { Clock } from "../../parts/time";
import { CommentBox } from "../incidents/IncidentPage";
import { plain } from "./view";

export function Trail({ ticket, namespace }: { ticket: string; namespace: string }) {
  const query = useDetail<Page<Comment>>("tickets", ticket, "comments");
  const may = useMay();
  return (
    <Card id="trail" title="Trail" scope={query.data && plural(query.data.items.length, "entry", "entries")} end={<Link className="link mono" to="/tickets/$id" params={{ id: ticket }}>{ticket}</Link>}>
      {may("ticket:comment", namespace) && <CommentBox resource="tickets" id={ticket} />}
      <Loaded query={query} what="the trail">{(page) => (page.items.length === 0 ? <EmptyState title="Nothing was said yet" /> : <Entries items={page.items} />)}</Loaded>
    </Card>
  );
}

function Entries({ items }: { items: readonly Comment[] }) {
  return (
    <ol className="trail" tabIndex={0} aria-label="Trail">
      {items.map((item, index) => {
        const day = dayName(item.at);
        const before = items[index - 1];
        const [first = "", ...rest] = plain(item.text).split("\n");
        return (
          <li key={item.id}>
            <span className="dim3 t12">{(before === undefined ? false : dayName(before.at) !== day) && <span className="day">{day}</span>}<Clock at={item.at} /></span>
            <div>
              {!item.by.startsWith("change:") && <span className="dim3 t12">{nameOf(item.by)}: </span>}<span className="wrap">{first}</span>
              {rest.length > 0 && <p className="t12 dim wrap">{rest.join("\n")}</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
