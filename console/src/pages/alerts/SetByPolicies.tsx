/** What policies set of an alert's event before anything else looked at it, what it was before, and the links they give. */
import type { Alert } from "../../data/types";
import { PolicyLink } from "../../parts/PolicyLink";
import { Icon } from "../../parts/Icon";
import { linksOf } from "./view";

export function SetByPolicies({ alert }: { alert: Alert }) {
  const values = Object.entries(alert.shaped?.values ?? {});
  const links = linksOf([alert]);
  if (values.length + links.length === 0) return null;
  return (
    <div className="panel-section stack" style={{ gap: 8 }}>
      <h2 className="heading">Set by policies</h2>
      <PolicyLinks links={links} />
      {values.map(([name, one]) => (
        <div key={name} className="row wrapping">
          <span className="tag mono">{name.replace(/^(labels|annotations)\./, "")}={one.value}</span>
          <span className="t12 dim3">{one.was !== null && one.was !== undefined && one.was !== "" ? `instead of ${one.was}, ` : ""}<PolicyLink policy={one.by} /></span>
        </div>
      ))}
    </div>
  );
}

export function PolicyLinks({ links }: { links: Alert["links"] }) {
  return links.map((link) => (
    <div key={link.url} className="row wrapping">
      <Icon name="link" />
      <a className="link wrap" href={link.url} target="_blank" rel="noopener noreferrer">{link.title || link.url}</a>
      <span className="t12 dim3"><PolicyLink policy={link.by} /></span>
    </div>
  ));
}
