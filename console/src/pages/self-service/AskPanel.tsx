/** The form that asks for what is offered: what it is, who must agree, what is to be given, and why. */
import { Textarea } from "@mantine/core";
import { useState } from "react";

import { useAskFor } from "../../data/requests";
import type { Offer } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { SidePanel } from "../../parts/SidePanel";
import { EmptyState } from "../../parts/states";
import { InputsForm } from "../workflows/InputsForm";
import { agreeing, howOften } from "./view";

interface Props {
  /** `namespace/workflow`, as the address has it. */
  named: string;
  /** Absent when it is not offered to me, or not any more. */
  offer: Offer | undefined;
  onClose: () => void;
  /** It was asked for, under this id. */
  asked: (id: string) => void;
}

export function AskPanel({ named, offer, onClose, asked }: Props) {
  return (
    <SidePanel label="Ask" onClose={onClose} title={<b className="med cut">{offer ? "Ask for this" : named}</b>}>
      {offer ? <Form offer={offer} asked={asked} /> : <EmptyState title="That is not offered to you"><p>It may have been taken back, or it is offered to others. What is offered to you is in the list.</p></EmptyState>}
    </SidePanel>
  );
}

function Form({ offer, asked }: { offer: Offer; asked: (id: string) => void }) {
  const ask = useAskFor();
  const [reason, setReason] = useState("");
  const waits = offer.approvals.length > 0;
  return (
    <>
      <div className="panel-section stack">
        <div>
          <h2 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{offer.title}</h2>
          {offer.description && <p className="dim wrap">{offer.description}</p>}
        </div>
        <Pairs
          entries={[
            ["Who must agree", agreeing(offer.approvals) || "nobody: it runs at once"],
            ["How often", howOften(offer.limit) && `${howOften(offer.limit)}, for each person`],
            ["Workflow", <span key="w" className="mono">{offer.namespace}/{offer.workflow}</span>],
          ]}
        />
      </div>
      <div className="panel-section">
        <InputsForm
          label={`Ask for ${offer.title}`} schema={offer.form} act={waits ? "Ask for it" : "Run it"} busy={ask.isPending} error={ask.error} reset={ask.reset}
          none="Nothing else is to be given."
          note={waits ? "They are asked at once" : "It begins at once"}
          below={(
            <Textarea
              label="Reason" description={waits ? "Whoever is to agree reads it" : "Kept in the journal with your name"} autosize minRows={2} maxRows={8} maxLength={2000}
              value={reason} onChange={(event) => setReason(event.currentTarget.value)}
            />
          )}
          send={(inputs) => ask.mutate({ workflow: offer.workflow, namespace: offer.namespace, inputs, reason: reason.trim() }, { onSuccess: (made) => asked(made.id) })}
        />
      </div>
    </>
  );
}
