/** What a manifest has been, and the way back to it: an earlier version becomes a draft, and is applied as any change is. */
import { Modal } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { useVersions } from "../../data/policies";
import { nameOf } from "../../data/me";
import type { Version } from "../../data/types";
import { Card } from "../../parts/Card";
import { EmptyState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { document } from "./view";

const Diff = lazy(() => import("../../parts/YamlDiff"));

export function Versions({ kind, namespace, name, generation, takeBack }: { kind: "Policy" | "Workflow"; namespace: string; name: string; generation: number; takeBack?: ((version: Version) => void) | undefined }) {
  const query = useVersions(kind, namespace, name);
  const [shown, setShown] = useState<Version | null>(null);
  const versions = query.data?.items ?? [];
  const before = shown === null ? undefined : versions[versions.indexOf(shown) + 1];
  return (
    <Card title="Versions" scope="in the journal">
      <Loaded query={query} what="versions">
        {() => versions.length === 0 ? <EmptyState title="None" /> : versions.map((version) => (
          <div key={version.position} className="moving-row">
            <span className="row wrapping">
              <Link className="med" to="/events/$position" params={{ position: version.position }}>gen {version.generation}</Link>
              <span className="dim3">{version.deleted ? "deleted" : "applied"} by {nameOf(version.applied_by)}</span>
              <span className="end dim3"><RelativeTime at={version.applied_at} suffix=" ago" /></span>
            </span>
            <span className="row">
              <button type="button" className="btn small" onClick={() => setShown(version)}>Difference</button>
              {version.generation === generation ? <span className="t12 dim3">in force</span> : takeBack && <button type="button" className="btn small" onClick={() => takeBack(version)}>Take back to this</button>}
            </span>
          </div>
        ))}
      </Loaded>
      <Modal opened={shown !== null} onClose={() => setShown(null)} title={shown ? `What generation ${String(shown.generation)} changed` : ""} size={860}>
        {shown && <Suspense fallback={<Loading what="the difference" />}><Diff before={before ? document(kind, before.manifest) : ""} after={document(kind, shown.manifest)} label="What changed" /></Suspense>}
      </Modal>
    </Card>
  );
}
