/** Writing a manifest: the text, what the server finds wrong with it while one types, and the difference before it is applied. */
import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { lazy, Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from "react";

import { Problem, type Fault } from "../../data/http";
import { forget, keep, keptOf } from "../../data/kept";
import { useMay, useMe } from "../../data/me";
import { isProtected, useApply, useCheck, useSchema } from "../../data/policies";
import { useNames } from "../../data/workflows";
import { Card } from "../../parts/Card";
import { moment, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { SeverityShape } from "../../parts/marks";
import { Refused } from "../../parts/Refused";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { useUnsaved } from "../../parts/Unsaved";
import type { EditorHand } from "../../parts/YamlEditor";
import { namedIn } from "./view";

const Editor = lazy(() => import("../../parts/YamlEditor"));
const Diff = lazy(() => import("../../parts/YamlDiff"));

/** Typing waits this long before the server is asked. */
const TYPING_MS = 350;

export interface Base {
  text: string;
  /** 0 where there is none yet. */
  generation: number;
}

interface Props {
  kind: "Policy" | "Workflow";
  title: ReactNode;
  meta?: ReactNode;
  namespace: string;
  base: Base;
  /** What it is by now, if somebody changed it meanwhile. */
  latest?: Base | undefined;
  begin: string;
  /** Names the text that it begins with, so that another one is taken in. */
  version: string;
  close: () => void;
  saved: (name: string) => void;
  rebase?: (() => void) | undefined;
  /** What stands beside the text and follows it. */
  children: (draft: Draft) => ReactNode;
}

/** The text as it is while one types. */
export interface Draft {
  text: string;
  /** The name that it gives itself; empty while it has none. */
  name: string;
  /** Whether it says something else than what is in force, and could be applied. */
  ready: boolean;
  /** Whether whoever reads it may save it. */
  writes: boolean;
  /** Changes the text in its editor; null while that is not there yet. */
  hand: () => EditorHand | null;
}

export function Editing({ kind, title, meta, namespace, base, latest, begin, version, close, saved, rebase, children }: Props) {
  const [text, setText] = useState(begin);
  const [seen, setSeen] = useState(version);
  /** The kept text that is gone on with. */
  const [taken, setTaken] = useState<string | null>(null);
  if (seen !== version) {
    setSeen(version);
    setText(begin);
    setTaken(null);
  }
  const [typed] = useDebouncedValue(text, TYPING_MS);
  const schema = useSchema(kind);
  const names = useNames(namespace);
  const writes = useMay()("manifest:write", namespace);
  const check = useCheck(typed, namespace, writes && typed.trim() !== "");
  const settled = typed === text && check.data !== undefined && !check.isPlaceholderData;
  const faults = check.data?.faults ?? [];
  const errors = check.data?.refusal ? Math.max(1, faults.filter((fault) => fault.level !== "warning").length) : 0;
  const changed = text.trimEnd() !== base.text.trimEnd();
  const unsaved = changed && text.trimEnd() !== begin.trimEnd();
  const me = useMe().data?.user ?? "";
  const place = `${window.location.pathname} ${namespace}`;
  const [kept, setKept] = useState(() => keptOf(place, me, begin));
  const written = useRef(false);
  useEffect(() => {
    if (unsaved) keep(place, { by: me, text, at: new Date().toISOString() });
    else if (written.current) forget(place);
    written.current ||= unsaved;
  }, [unsaved, text, place, me]);
  const drop = (): void => {
    forget(place);
    setKept(null);
  };
  const { letGo: leave, question } = useUnsaved(unsaved, drop);
  const letGo = (): void => {
    leave();
    drop();
  };
  const [asking, setAsking] = useState(false);
  const save = useCallback(() => setAsking(true), []);
  const ready = changed && settled && errors === 0;
  const name = namedIn(text);
  const editor = useRef<EditorHand>(null);
  const hand = useCallback(() => editor.current, []);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <span className="tag active-tone">{!writes ? "Read only" : base.generation === 0 ? "New" : changed ? "Draft" : "As in force"}</span>
            {meta}
            {!writes ? null : check.isFetching || !settled ? <span>checking</span> : errors > 0 ? <b className="med failure">{plural(errors, "error")}</b> : faults.length > 0 ? <span>{plural(faults.length, "warning")}</span> : <span>nothing wrong</span>}
          </div>
          <h1>{title}</h1>
        </div>
        <div className="actions">
          <button type="button" className="btn" onClick={() => { letGo(); close(); }}>{changed ? "Discard" : "Close"}</button>
          {writes && <button type="button" className="btn primary" disabled={!ready} onClick={save} title="Ctrl S">{errors > 0 ? `Fix ${plural(errors, "error")} to save` : "Review and save"}</button>}
        </div>
      </div>
      {!writes && <div className="notice info" role="status"><Icon name="lock" /><span className="wrap">You read this, and cannot change it: your roles do not let you save a {kind.toLowerCase()} in {namespace}. The role editor there would.</span></div>}
      {writes && kept && (
        <div className="notice minor" role="status">
          <Icon name="clock" />
          <div className="stack" style={{ gap: 6 }}>
            <span>What you wrote here and did not save is kept, as of {moment(kept.at, Date.parse(kept.at))}.</span>
            <span className="row wrapping">
              <button type="button" className="btn small primary" onClick={() => { setTaken(kept.text); setText(kept.text); setKept(null); }}>Go on with it</button>
              <button type="button" className="btn small" onClick={drop}>Throw it away</button>
            </span>
          </div>
        </div>
      )}
      {latest && (
        <div className="notice minor" role="alert">
          <Icon name="incident" />
          <div className="stack" style={{ gap: 6 }}>
            <span>It was changed meanwhile: it is at generation {latest.generation} now, and this draft was begun from {base.generation}. Saving is refused until you have looked at both.</span>
            {rebase && <span><button type="button" className="btn small" onClick={rebase}>Go on from generation {latest.generation}, with my text</button></span>}
          </div>
        </div>
      )}
      <div className="columns wide-side">
        <div className="writing">
          <Card title={<span className="mono">{namespace}/{name || "…"}</span>} scope={`YAML, kind ${kind}`} end={writes && <span className="wide-only">Complete <kbd>Ctrl Space</kbd></span>} className="clip">
            <Suspense fallback={<Loading what="the editor" />}>
              <Editor hand={editor} label={`The ${kind.toLowerCase()} ${name || "that is new"} as YAML`} text={taken ?? begin} version={taken === null ? version : `${version}, kept`} readOnly={!writes} schema={schema.data} names={names} faults={faults} change={setText} save={() => ready && save()} />
            </Suspense>
          </Card>
          {writes && <Problems goTo={(line, column) => editor.current?.goTo(line, column)} faults={faults} refusal={check.data?.refusal ?? null} error={check.error} />}
        </div>
        <div>
          {children({ text, name, ready, writes, hand })}
        </div>
      </div>
      <Modal opened={asking && ready} onClose={() => setAsking(false)} title={base.generation === 0 ? `Apply this ${kind.toLowerCase()}?` : "Apply this change?"} size={860}>
        {asking && <Review kind={kind} base={base} text={text} namespace={namespace} warnings={faults} onClose={() => setAsking(false)} saved={() => { letGo(); saved(name); }} />}
      </Modal>
      {question}
    </div>
  );
}

function Problems({ goTo, faults, refusal, error }: { goTo: (line: number, column: number) => void; faults: readonly Fault[]; refusal: Problem | null; error: Error | null }) {
  const shown: readonly Fault[] = faults.length > 0 || refusal === null ? faults : [{ code: refusal.code, detail: refusal.detail || refusal.title }];
  return (
    <Card title="Problems" className={shown.length > 0 ? "problems" : ""} scope={shown.length > 0 ? plural(shown.length, "problem") : "checked by the server as you type"}>
      {error && <div className="card-body"><ErrorState error={error} /></div>}
      {!error && shown.length === 0 && <EmptyState title="None" />}
      {shown.map((fault) => (
        <div key={`${String(fault.line)}:${String(fault.column)} ${fault.detail}`} className="moving-row">
          <span className="row wrapping">
            <SeverityShape severity={fault.level === "warning" ? "minor" : "critical"} small />
            {(fault.line ?? 0) > 0
              ? <button type="button" className="as-link row grow" style={{ textAlign: "left" }} onClick={() => goTo(fault.line ?? 1, fault.column ?? 1)}><span className="mono dim3">{fault.line}:{fault.column}</span><span className="wrap">{fault.detail}</span></button>
              : <span className="wrap grow">{fault.detail}</span>}<span className="reason">{fault.code}</span>
          </span>
        </div>
      ))}
    </Card>
  );
}

function Review({ kind, base, text, namespace, warnings, onClose, saved }: { kind: Props["kind"]; base: Base; text: string; namespace: string; warnings: readonly Fault[]; onClose: () => void; saved: () => void }) {
  const apply = useApply();
  const refused = isProtected(apply.error);
  const back = <button type="button" className="btn" onClick={onClose}>Back to the text</button>;
  return (
    <div className="stack">
      {!refused && <p className="dim">{base.generation === 0 ? `It is in force at once, for every ${kind === "Policy" ? "event" : "run that starts"} from now on.` : `It is in force at once, as generation ${String(base.generation + 1)}. ${kind === "Workflow" ? "Runs that are under way go on as they began. " : ""}Any earlier version can be taken back under “Versions”.`}</p>}
      {warnings.map((fault) => <p key={fault.detail} className="row"><SeverityShape severity="minor" small /><span className="wrap">{fault.detail}</span></p>)}
      <Suspense fallback={<Loading what="the difference" />}><Diff before={base.text} after={text} label="What changes" /></Suspense>
      {apply.error && <Refused error={apply.error} text={text} namespace={namespace} basedOn={base.generation} beside={refused && back} />}
      {!refused && <div className="row"><button type="button" className="btn primary" disabled={apply.isPending} onClick={() => apply.mutate({ text, namespace, basedOn: base.generation }, { onSuccess: () => { onClose(); saved(); } })}>Apply</button>{back}</div>}
    </div>
  );
}
