/** Two texts as one, with what goes and what comes. */
import { yaml } from "@codemirror/lang-yaml";
import { syntaxHighlighting } from "@codemirror/language";
import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";

import { colours, look } from "./editor-look";

export default function YamlDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current === null) return undefined;
    const whole = before.trimEnd() === "" || after.trimEnd() === "";
    const view = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: after.trimEnd(),
        extensions: [
          lineNumbers(), yaml(), syntaxHighlighting(colours), look, EditorView.lineWrapping, EditorState.readOnly.of(true),
          // Of what is new or gone as a whole, words that differ need no marks of their own.
          unifiedMergeView({ original: before.trimEnd(), mergeControls: false, highlightChanges: !whole, collapseUnchanged: { margin: 3, minSize: 6 } }),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        ],
      }),
    });
    return () => view.destroy();
  }, [before, after, label]);
  return <div ref={box} className={before.trimEnd() === "" ? "boxed diff new" : "boxed diff"} />;
}
