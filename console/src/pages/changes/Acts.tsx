/** What people do with a change. A control is there only where it works, and says first what it will do. */
import { Modal, Select, Textarea } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useBreakGlass, useCancelChange, useMoveChange, useRevertChange, useReviewChange } from "../../data/changes";
import { useMay } from "../../data/me";
import type { Change, CloseCode } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Icon } from "../../parts/Icon";
import { ErrorState } from "../../parts/states";
import { isOfConfiguration, isTaken } from "./configuration";
import { EditChange } from "./EditChange";
import { CLOSE_WORDS, isUnbegun, reachOf } from "./view";

type Act = "" | "edit" | "submit" | "start" | "cancel" | "glass" | "review" | "revert";

export function ChangeActs({ change }: { change: Change }) {
  const may = useMay();
  const move = useMoveChange();
  const cancel = useCancelChange();
  const [asked, setAsked] = useState<Act>("");
  const close = (): void => setAsked("");
  const revert = useRevertChange();
  const navigate = useNavigate();
  const proposeBack = async (reason: string): Promise<void> => {
    const back = await revert.mutateAsync({ id: change.id, reason });
    await navigate({ to: "/changes/$id", params: { id: back.id } });
  };
  const writes = may("change:write", change.namespace);
  const running = change.state === "implement";
  const anew = change.state === "assess";
  const configures = isOfConfiguration(change);
  const comesBack = writes && isTaken(change) && may("manifest:write", change.namespace);
  return (
    <>
      {writes && (change.state === "draft" || anew) && <button type="button" className="btn primary" onClick={() => setAsked("submit")}>{anew ? "Plan it anew" : "Submit"}</button>}
      {change.state === "scheduled" && may("change:start", change.namespace) && <button type="button" className="btn primary" onClick={() => setAsked("start")}><Icon name="effect" size="m" />Start now</button>}
      {writes && change.state === "review" && <button type="button" className="btn primary" onClick={() => setAsked("review")}>Review and close</button>}
      {writes && isUnbegun(change) && !configures && <button type="button" className="btn" onClick={() => setAsked("edit")}>Edit</button>}
      {writes && (isUnbegun(change) || running) && <button type="button" className="btn" onClick={() => setAsked("cancel")}>{running ? "Cancel and roll back" : "Cancel change"}</button>}
      {isUnbegun(change) && may("change:override", change.namespace) && <button type="button" className="btn" onClick={() => setAsked("glass")}><Icon name="incident" size="m" />Break glass</button>}
      {comesBack && <button type="button" className="btn" onClick={() => setAsked("revert")}><Icon name="undo" size="m" />Propose the way back</button>}
      <EditChange change={change} opened={asked === "edit"} close={close} />
      <Ask
        opened={asked === "submit"} onClose={close} title={anew ? "Plan it anew?" : "Submit this change?"} act={anew ? "Plan it anew" : "Submit"}
        effect={configures ? "It is compared with what is in force, and those who must agree to it are asked." : change.type === "standard" ? "Its targets are looked up and its plan is made. It is agreed to once and for all, and begins at its time." : "Its targets are looked up and its plan is made, and those who must agree to that plan are asked."}
        run={() => move.mutateAsync({ id: change.id, verb: "submit" })}
      />
      <Ask
        opened={asked === "start"} onClose={close} title="Start this change now?" act="Start now"
        effect={configures ? `It takes ${reachOf(change)}, all of it or none. It is refused while something is frozen.` : `It begins with its first wave: ${reachOf(change)} in all. It is refused if its window is closed, something is frozen, or a target is not as it should be.`}
        run={() => move.mutateAsync({ id: change.id, verb: "start" })}
      />
      <Ask
        opened={asked === "cancel"} onClose={close} title={running ? "Cancel this change, and roll it back?" : "Cancel this change?"} act={running ? "Cancel and roll back" : "Cancel the change"}
        effect={running ? "What is under way is told to stop. Then what was done is undone, the last thing first." : "Nothing was done yet. It cannot be taken back; another one can be made."}
        field={{ label: "Reason, kept in its ticket with your name", placeholder: "optional" }} run={(reason) => cancel.mutateAsync({ id: change.id, reason })}
      />
      <Ask
        opened={asked === "revert"} onClose={close} title="Propose the way back?" act="Propose the way back"
        effect={`Another change is made, which brings back what was in force before ${change.id}. Those who must agree are asked, as they were for this one.`}
        field={{ label: "Why it is to be as it was", required: true, long: true }} run={proposeBack}
      />
      <Modal opened={asked === "glass"} onClose={close} title="Break glass" size={520}>{asked === "glass" && <Glass change={change} close={close} />}</Modal>
      <Modal opened={asked === "review"} onClose={close} title="Review and close" size={520}>{asked === "review" && <Reviewing change={change} close={close} />}</Modal>
    </>
  );
}

function Glass({ change, close }: { change: Change; close: () => void }) {
  const glass = useBreakGlass();
  const [reason, setReason] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        glass.mutate({ id: change.id, reason: reason.trim() }, { onSuccess: close });
      }}
    >
      <div className="notice critical" role="note">
        <Icon name="incident" />
        <div className="stack" style={{ gap: 4 }}>
          <strong>It begins at once, on {reachOf(change)}</strong>
          <span>No window, freeze, approval or condition holds it. {change.type === "standard" ? "" : "Those who had to agree are asked afterwards, and it is not closed before they have. "}Your name and your reason stand in its ticket and in the journal, and someone looks back on it.</span>
        </div>
      </div>
      <Textarea label="Why it cannot wait" required withAsterisk={false} autosize minRows={2} maxRows={8} maxLength={5000} value={reason} data-autofocus onChange={(event) => setReason(event.currentTarget.value)} />
      {glass.error && <ErrorState error={glass.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={reason.trim() === "" || glass.isPending}>Break glass and begin</button>
        <button type="button" className="btn" onClick={close}>Cancel</button>
      </div>
    </form>
  );
}

const CODES = Object.entries(CLOSE_WORDS).map(([value, label]) => ({ value, label }));

function Reviewing({ change, close }: { change: Change; close: () => void }) {
  const review = useReviewChange();
  const [code, setCode] = useState<CloseCode>(change.close_code ?? "successful");
  const [note, setNote] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        review.mutate({ id: change.id, code, note: note.trim() }, { onSuccess: close });
      }}
    >
      <p className="dim">It is closed, and so is its ticket. What you say stands there with your name.</p>
      <Select label="What came of it" allowDeselect={false} data={CODES} value={code} onChange={(value) => setCode((value ?? "successful") as CloseCode)} />
      <Textarea label="Note" placeholder="What was learned" autosize minRows={3} maxRows={12} maxLength={20_000} value={note} data-autofocus onChange={(event) => setNote(event.currentTarget.value)} />
      {review.error && <ErrorState error={review.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={review.isPending}>Close the change</button>
        <button type="button" className="btn" onClick={close}>Not yet</button>
      </div>
    </form>
  );
}
