/** Why a manifest was not applied; where configuration is changed by changes alone, the way to propose it as one. */
import { Textarea } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import { useMay } from "../data/me";
import { isProtected, usePropose } from "../data/policies";
import { Icon } from "./Icon";
import { ErrorState } from "./states";

interface Props {
  error: Error;
  /** What was refused, as YAML or JSON. */
  text: string;
  namespace: string;
  /** The generation that was looked at, 0 for a new one. */
  basedOn?: number;
  /** What else one can do, beside proposing it. */
  beside?: ReactNode;
}

export function Refused(props: Props) {
  const { error, namespace, beside } = props;
  const may = useMay();
  if (isProtected(error) && may("change:write", namespace)) return <Proposing {...props} why={error.detail} />;
  return <><ErrorState error={error} />{beside}</>;
}

function Proposing({ why, text, namespace, basedOn, beside }: Props & { why: string }) {
  const propose = usePropose();
  const navigate = useNavigate();
  const [reason, setReason] = useState("");
  const send = (): void => propose.mutate({ text, namespace, basedOn, reason: reason.trim() }, { onSuccess: (id) => void navigate({ to: "/changes/$id", params: { id }, ignoreBlocker: true }) });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="notice minor" role="alert">
        <Icon name="lock" />
        <div className="stack" style={{ gap: 4 }}>
          <strong>Here configuration is changed by changes alone</strong>
          <span className="wrap">{why}. Nothing was applied. Propose it: it is taken as soon as those whom the rule names have agreed.</span>
        </div>
      </div>
      <Textarea label="Why it is needed" required withAsterisk={false} autosize minRows={2} maxRows={8} maxLength={5000} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {propose.error && <ErrorState error={propose.error} />}
      <div className="row">
        <button type="submit" className="btn primary" disabled={reason.trim() === "" || propose.isPending}>Propose as a change</button>
        {beside}
      </div>
    </form>
  );
}
