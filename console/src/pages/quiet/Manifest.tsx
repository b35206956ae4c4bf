/** The document of a window or an inhibition: both are manifests, changed by applying them again. */
import { useManifest } from "../../data/quiet";
import { CopyButton } from "../../parts/Code";
import { Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { document } from "../policies/view";

export function ManifestSection({ kind, namespace, name }: { kind: "MaintenanceWindow" | "Inhibition"; namespace: string; name: string }) {
  const query = useManifest(kind, namespace, name);
  return (
    <div className="panel-section stack" style={{ gap: 6 }} id="yaml">
      <Loaded query={query} what="the manifest">
        {(manifest) => (
          <>
            <div className="row wrapping">
              <h2 className="heading">As it is in force</h2>
              <span className="end"><CopyButton text={document(kind, manifest)} label="Copy as YAML" /></span>
            </div>
            <p className="dim3 t12">gen {manifest.generation}, <RelativeTime at={manifest.updated_at} suffix=" ago" /> by {manifest.applied_by}. To change it, edit the file and <span className="mono">oncue apply</span> it.</p>
            <div className="aside"><Yaml text={document(kind, manifest)} label={`${name} as YAML`} /></div>
          </>
        )}
      </Loaded>
    </div>
  );
}

/** `namespace/name` apart. */
export function named(id: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = id.split("/");
  return { namespace, name };
}
