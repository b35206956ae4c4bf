/** The local mailbox: mails of a machine without a mail relay, as their reader would see them. */
import { useDetail, useShort } from "../../data/lists";
import type { Mail } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { Icon } from "../../parts/Icon";
import { EmptyState, Loaded } from "../../parts/states";
import { exact, plural } from "../../parts/format";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";

export function Mailbox() {
  const [filters, change] = useFilters();
  const mails = useShort<Mail>("mailbox", {}, { refetchInterval: 5000 });
  const chosen = filters["mail"];
  return (
    <Loaded query={mails} what="the mailbox">
      {(page) => page.items.length === 0
        ? <EmptyState title="No mail yet"><p>Where no mail relay is configured, OnCue puts its mails here instead of sending them. Set <span className="mono">ONCUE_SMTP_URL</span> to send for real.</p></EmptyState>
        : (
          <div className="columns" style={{ gridTemplateColumns: chosen ? undefined : "minmax(0, 1fr)" }}>
            {chosen && <div><MailView id={chosen} /></div>}
            <div>
              <Card title="Local mailbox" scope={plural(page.items.length, "mail")}>
                {page.items.map((mail) => (
                  <button key={mail.id} type="button" className="moving-row" style={{ width: "100%", textAlign: "left", border: 0, borderBottom: "1px solid var(--line-soft)", background: mail.id === chosen ? "var(--selected)" : "none", cursor: "pointer" }} aria-pressed={mail.id === chosen} onClick={() => change({ mail: mail.id })}>
                    <span className="row"><Icon name="mail" /><span className="med cut grow">{mail.subject}</span><span className="dim3 nowrap"><RelativeTime at={mail.at} /></span></span>
                    <span className="t12 dim3 cut">to {mail.to.join(", ")}</span>
                  </button>
                ))}
              </Card>
            </div>
          </div>
        )}
    </Loaded>
  );
}

function MailView({ id }: { id: string }) {
  const mail = useDetail<Mail>("mailbox", id);
  return (
    <Loaded query={mail} what="the mail">
      {(found) => (
        <Card title={found.subject} className="clip">
          <div className="card-body"><Pairs entries={[["From", found.sender], ["To", found.to.join(", ")], ["At", exact(found.at).split("\n")[0]]]} /></div>
          {/* The text part only: a mail's HTML is for mail readers, and nothing from outside becomes markup here. */}
          <pre className="code boxed" style={{ margin: "0 12px 12px", whiteSpace: "pre-wrap", maxHeight: "none" }}>{found.text ?? "This mail has no text part."}</pre>
        </Card>
      )}
    </Loaded>
  );
}
