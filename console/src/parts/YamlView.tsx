/** CodeMirror, read-only, in the page's colours. */
import { yaml } from "@codemirror/lang-yaml";
import { syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";

import { colours, look } from "./editor-look";

export default function YamlView({ text, label }: { text: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current === null) return undefined;
    const view = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: text.trimEnd(),
        extensions: [
          lineNumbers(), yaml(), syntaxHighlighting(colours), look, EditorView.lineWrapping,
          EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        ],
      }),
    });
    return () => view.destroy();
  }, [text, label]);
  return <div ref={box} />;
}
