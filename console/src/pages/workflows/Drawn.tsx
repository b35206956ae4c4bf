/** The steps of a text that is being written, as a graph that follows it. */
import { useMemo } from "react";

import { Card } from "../../parts/Card";
import { flowOf } from "../../parts/flow";
import { FlowGraph } from "../../parts/FlowGraph";
import { plural } from "../../parts/format";
import { EmptyState } from "../../parts/states";
import { readYaml } from "../../parts/yaml-read";

const record = (value: unknown): Record<string, unknown> => (typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {});

export default function Drawn({ text }: { text: string }) {
  const steps = useMemo(() => flowOf(record(record(readYaml(text))["spec"])["steps"]), [text]);
  return (
    <Card title="Steps" scope={steps.length > 0 ? `${plural(steps.length, "step")}, as the text has them` : undefined} className="clip">
      {steps.length === 0
        ? <EmptyState title="No step yet"><p>Write one under <span className="mono">spec.steps</span>; it is drawn here.</p></EmptyState>
        : <FlowGraph label="The steps that are written" steps={steps} upright />}
    </Card>
  );
}
