/** Payloads and snippets, with a button that copies them. */
import { useState } from "react";

import { Icon } from "./Icon";
import { tokens } from "./json";

/** A long text is better given as a function, which is asked when somebody wants it. */
export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button" className="btn small"
      onClick={() => {
        void navigator.clipboard.writeText(typeof text === "string" ? text : text()).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1500);
        });
      }}
    >
      <Icon name={copied ? "check" : "copy"} size="s" />
      <span aria-live="polite">{copied ? "Copied" : label}</span>
    </button>
  );
}

/** Has the browser keep what it was given as a file. */
export function saveAs(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** Saves a text as a file. */
export function DownloadButton({ text, name, label = "Download" }: { text: () => string; name: string; label?: string }) {
  const save = (): void => saveAs(new Blob([text()], { type: "text/plain;charset=utf-8" }), name);
  return <button type="button" className="btn small" onClick={save}><Icon name="download" size="s" />{label}</button>;
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre className="code boxed" tabIndex={0} role="region" aria-label={label}>
      {tokens(value).map((token, index) => (token.kind === "" ? token.text : <span key={index} className={token.kind}>{token.text}</span>))}
    </pre>
  );
}

export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className="snippet">
      <pre className="code boxed" tabIndex={0} role="region" aria-label={label}>{text}</pre>
      <CopyButton text={text} />
    </div>
  );
}
