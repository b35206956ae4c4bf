/** Where a problem can go from each state, in words. */
import type { ProblemRecord } from "../../data/types";

type State = ProblemRecord["state"];

const KNOWN = { to: "known_error", label: "It is known" } as const;
const OPEN = { to: "open", label: "Open again" } as const;
const RESOLVED = { to: "resolved", label: "Resolved" } as const;
const CLOSED = { to: "closed", label: "Close" } as const;

export const MOVES: Record<State, readonly { to: State; label: string }[]> = {
  open: [KNOWN, RESOLVED, CLOSED],
  known_error: [RESOLVED, CLOSED],
  resolved: [OPEN, CLOSED],
  closed: [],
};
