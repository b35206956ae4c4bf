/** How YAML looks, read-only or edited: the page's colours. */
import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--c-key)" },
  { tag: [tags.string, tags.content, tags.attributeValue], color: "var(--c-str)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--c-num)" },
  { tag: tags.comment, color: "var(--c-com)" },
]);

export const look = EditorView.theme({
  "&": { fontSize: "12px", backgroundColor: "transparent", color: "var(--text)" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "20px" },
  // Long lines are scrolled beneath the numbers.
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--text-3)", border: "none" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-bg)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line-strong)", borderRadius: "6px", boxShadow: "var(--shadow-2)", maxWidth: "420px", color: "var(--text)" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--font-mono)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal" },
  ".cm-completionInfo": { padding: "6px 8px", fontFamily: "var(--font-sans)", fontSize: "12px", lineHeight: "16px" },
  ".cm-diagnostic": { borderLeftColor: "var(--critical)", fontFamily: "var(--font-sans)", fontSize: "12px" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--minor)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--critical)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--minor)", textUnderlineOffset: "3px" },
  ".cm-changedLine": { backgroundColor: "var(--clear-bg) !important" },
  ".cm-deletedChunk": { backgroundColor: "var(--critical-bg) !important" },
  ".cm-changedText": { background: "none !important", textDecoration: "underline var(--clear)" },
  ".cm-deletedText": { background: "none !important" },
  ".cm-collapsedLines": { background: "var(--sunken) !important", color: "var(--text-3) !important" },
  // Its own are signs that few fonts have.
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"…" !important' },
});
