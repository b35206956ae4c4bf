/** What one would write, where nothing was written yet; it scrolls on a phone, also by the keyboard. */
export function Example({ text }: { text: string }) {
  return <pre className="code boxed" tabIndex={0} role="region" aria-label="Example">{text}</pre>;
}
