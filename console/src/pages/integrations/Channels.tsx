/** Channels: the ways to tell someone, and the teams that use them. */
import { useShort } from "../../data/lists";
import type { Manifest } from "../../data/types";
import { Card } from "../../parts/Card";
import { plural } from "../../parts/format";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { document } from "../policies/view";

export function Channels() {
  const [filters] = useFilters();
  const channels = useShort<Manifest>("channels");
  const teams = useShort<Manifest>("teams");
  const users = (channel: Manifest): string[] => (teams.data?.items ?? []).filter((team) => {
    const listed = team.spec["channels"];
    return Array.isArray(listed) && (listed.includes(channel.name) || listed.includes(`${channel.namespace}/${channel.name}`));
  }).map((team) => team.name);
  return (
    <Loaded query={channels} what="channels">
      {(page) => inNamespace(page.items, filters["namespace"]).length === 0
        ? <EmptyState title="No channel is in force"><p>A Channel is a way to tell someone: e-mail, webhook, chat. Apply one and name it in a Team.</p></EmptyState>
        : (
          <div className="halves">
            {inNamespace(page.items, filters["namespace"]).map((channel) => (
              <Card key={channel.id} title={channel.name} scope={`${channel.namespace}, ${String(channel.spec["type"] ?? "")}`} end={<RelativeTime at={channel.updated_at} suffix=" ago" />} className="clip">
                <p className="t12 dim" style={{ padding: "8px 12px 0" }}>{users(channel).length > 0 ? `Reaches ${plural(users(channel).length, "team")}: ${users(channel).join(", ")}` : "No team uses it yet"}</p>
                <Yaml text={document("Channel", channel)} label={`The channel ${channel.name} as YAML`} />
              </Card>
            ))}
          </div>
        )}
    </Loaded>
  );
}
