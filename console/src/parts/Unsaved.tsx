/** What is written and not saved is not lost without a question: one is asked before another page comes, or this one is closed. */
import { Modal } from "@mantine/core";
import { useBlocker } from "@tanstack/react-router";
import { useCallback, useRef } from "react";

import type { Search } from "../shell/filters";

/** A session that has ended waits for no answer: what was written is kept over the sign-in. */
const SIGN_IN = "/sign-in";

interface Place {
  pathname: string;
  search: Search;
}

/** Asks while `unsaved`; `left` is told when somebody leaves all the same. `letGo` is for who has saved, or throws away what is written: it is not asked any more. */
export function useUnsaved(unsaved: boolean, left?: () => void) {
  const gone = useRef(false);
  // The address of what is beside the text may change: it stays.
  const shouldBlockFn = useCallback(({ current, next }: { current: Place; next: Place }) => !gone.current && next.pathname !== SIGN_IN && (next.pathname !== current.pathname || next.search["edit"] !== current.search["edit"]), []);
  const enableBeforeUnload = useCallback(() => !gone.current, []);
  const { status, proceed, reset } = useBlocker({ shouldBlockFn, enableBeforeUnload, disabled: !unsaved, withResolver: true });
  const letGo = useCallback(() => {
    gone.current = true;
  }, []);
  const question = (
    <Modal opened={status === "blocked"} onClose={() => reset?.()} title="Leave without saving?" size={480}>
      <div className="stack">
        <p className="dim">What you have written here is not saved. It is lost if you leave.</p>
        <div className="row">
          <button type="button" className="btn primary" data-autofocus onClick={() => reset?.()}>Stay</button>
          <button type="button" className="btn" onClick={() => { left?.(); proceed?.(); }}>Leave without saving</button>
        </div>
      </div>
    </Modal>
  );
  return { letGo, question };
}
