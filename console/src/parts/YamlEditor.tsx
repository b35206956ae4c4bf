/** CodeMirror for a manifest: completion and explanations from its JSON Schema, and what the server finds wrong, at its place. */
import { autocompletion, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, isolateHistory, redo, undo } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec, type ChangeSet, type Text } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { Fault } from "../data/http";
import { colours, look } from "./editor-look";
import { namesAt, type Names } from "./names";
import { described, offers, spotAt, type Schema } from "./schema";

/** Changes the text from outside, as if it had been typed. */
export interface EditorHand {
  /** One step of the editor's undo. Says whether the text was the one that the changes are for. */
  apply: (before: string, changes: ChangeSet) => boolean;
  undo: () => void;
  redo: () => void;
  /** Puts the cursor there, both counted from 1, and shows it. */
  goTo: (line: number, column: number) => void;
}

interface Props {
  hand?: Ref<EditorHand>;
  label: string;
  text: string;
  /** Another text to begin with anew; what is typed in between is the editor's own. */
  version: string;
  schema: Schema | undefined;
  /** Undefined until they are known. */
  names: Names | undefined;
  /** Who may not save it reads it here. */
  readOnly?: boolean;
  faults: readonly Fault[];
  change: (text: string) => void;
  save: () => void;
}

function places(document: Text, faults: readonly Fault[]): Diagnostic[] {
  return faults.filter((fault) => (fault.line ?? 0) > 0 && (fault.line ?? 0) <= document.lines).map((fault) => {
    const line = document.line(fault.line ?? 1);
    const from = Math.min(line.to, line.from + Math.max(0, (fault.column ?? 1) - 1));
    const word = /^[\w.-]+/.exec(document.sliceString(from, line.to))?.[0].length ?? 0;
    return { from, to: Math.max(from, Math.min(line.to, from + (word || line.to - from))), severity: fault.level === "warning" ? "warning" : "error", message: fault.detail, source: fault.code };
  });
}

/** What the editor is called. */
const named = new Compartment();

export default function YamlEditor({ hand, label, text, version, schema, names, readOnly = false, faults, change, save }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const held = useRef({ schema, names, change, save, text });
  const asked = useRef<(() => void)[]>([]);
  useEffect(() => {
    held.current = { schema, names, change, save, text };
    if (schema !== undefined && names !== undefined) for (const answer of asked.current.splice(0)) answer();
  });

  useImperativeHandle(hand, () => ({
    apply: (before, changes) => {
      const editor = view.current;
      if (editor === null || editor.state.doc.toString() !== before) return false;
      editor.dispatch({ changes, annotations: isolateHistory.of("full"), userEvent: "input" });
      return true;
    },
    undo: () => void (view.current && undo(view.current)),
    redo: () => void (view.current && redo(view.current)),
    goTo: (number, column) => {
      const editor = view.current;
      if (editor === null || number > editor.state.doc.lines) return;
      const line = editor.state.doc.line(number);
      editor.dispatch({ selection: { anchor: Math.min(line.to, line.from + Math.max(0, column - 1)) }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
      editor.focus();
    },
  }), []);

  useEffect(() => {
    if (box.current === null) return undefined;
    const complete = (context: CompletionContext): CompletionResult | null | Promise<CompletionResult | null> => {
      const { schema: known, names: all } = held.current;
      // Whoever asks before these have come is answered when they have.
      if (known === undefined || all === undefined) return context.explicit ? new Promise((resolve) => asked.current.push(() => resolve(complete(context)))) : null;
      const text = context.state.doc.toString();
      const spot = spotAt(text, context.pos);
      if (!context.explicit && spot.word === "") return null;
      const { from, offers: found } = namesAt(text, context.pos, spot, all) ?? { from: spot.from, offers: offers(known, spot) };
      const options = found.map((offer) => ({ label: offer.label, detail: offer.detail, apply: offer.apply, ...(offer.info ? { info: offer.info } : {}), type: spot.at === "key" ? "property" : "enum" }));
      return options.length === 0 ? null : { from, options, validFor: /^[\w-]*$/ };
    };
    const explain = hoverTooltip((editor, pos) => {
      const known = held.current.schema;
      const word = editor.state.wordAt(pos);
      if (known === undefined || word === null) return null;
      const spot = spotAt(editor.state.doc.toString(), word.from);
      const key = editor.state.sliceDoc(word.from, word.to);
      const found = spot.at === "key" ? described(known, spot.path, key) : null;
      if (found === null) return null;
      return {
        pos: word.from, end: word.to, above: true,
        create: () => {
          const dom = document.createElement("div");
          dom.className = "schema-note";
          const head = dom.appendChild(document.createElement("b"));
          head.textContent = key;
          const detail = dom.appendChild(document.createElement("span"));
          detail.textContent = ` ${found.detail}`;
          const info = dom.appendChild(document.createElement("p"));
          info.textContent = found.info;
          return { dom };
        },
      };
    });
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: held.current.text,
        extensions: [
          lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), drawSelection(), history(), yaml(), indentUnit.of("  "), syntaxHighlighting(colours), look, lintGutter(), explain,
          autocompletion({ override: [complete], icons: false }),
          // Tab stays a way out for those who have no mouse: Escape, then Tab.
          Prec.high(keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (held.current.save(), true) }])),
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
          named.of([]), EditorState.readOnly.of(readOnly),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) held.current.change(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, [version, readOnly]);

  useEffect(() => {
    // The name is part of the text: the editor outlives it.
    view.current?.dispatch({ effects: named.reconfigure(EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })) });
  }, [label, version]);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null) editor.dispatch(setDiagnostics(editor.state, places(editor.state.doc, faults)));
  }, [faults, version]);

  return <div ref={box} className="yaml-editor" />;
}
