/** YAML to read: numbered lines and colours. The editor's code loads when it is first needed. */
import { lazy, Suspense } from "react";

const View = lazy(() => import("./YamlView"));

export function Yaml({ text, label }: { text: string; label: string }) {
  return (
    <Suspense fallback={<pre className="code boxed" tabIndex={0} role="region" aria-label={label}>{text}</pre>}>
      <View text={text} label={label} />
    </Suspense>
  );
}
