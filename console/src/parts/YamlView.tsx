/** CodeMirror, read-only, in the page's colours. */
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--c-key)" },
  { tag: [tags.string, tags.content, tags.attributeValue], color: "var(--c-str)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--c-num)" },
  { tag: tags.comment, color: "var(--c-com)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "12px", backgroundColor: "transparent", color: "var(--text)" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "20px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--text-3)", border: "none" },
  ".cm-content": { padding: "8px 0" },
  "&.cm-focused": { outline: "none" },
});

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
