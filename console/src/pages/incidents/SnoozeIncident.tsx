/** Snoozing an incident: nobody is told of what fires in it for a while. */
import { useSnoozeIncident } from "../../data/calling";
import type { Incident } from "../../data/types";
import { plural } from "../../parts/format";
import { SnoozeMenu } from "../alerts/Snooze";

export function SnoozeIncident({ incident }: { incident: Incident }) {
  const snooze = useSnoozeIncident();
  if (incident.alerts_firing === 0) return null;
  return (
    <SnoozeMenu
      label="Snooze" title={`Snooze ${incident.id}, with ${plural(incident.alerts_firing, "firing alert")}`} busy={snooze.isPending}
      run={(until, reason) => snooze.mutateAsync({ id: incident.id, until, reason })}
      effect="Nobody is told of what fires in it until then; alerts that join it are told of as ever. If it goes on then, those who were told before hear of it once. It can be taken back here, and each alert’s own at the alert."
    />
  );
}
