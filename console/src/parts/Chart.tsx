/** A chart over time, drawn in the page's colours. The drawing library loads when the first chart is shown. */
import { useComputedColorScheme } from "@mantine/core";
import { lazy, Suspense } from "react";

export interface Series {
  name: string;
  /** Pairs of epoch milliseconds and value. */
  points: readonly (readonly [number, number | null])[];
  tone: string;
  kind: "area" | "bar" | "line";
}

export interface ChartProps {
  label: string;
  series: readonly Series[];
  height: number;
  unit?: string | null;
  /** Horizontal marks: limits beside the measurements. */
  limits?: readonly { name: string; value: number; tone: string }[];
  onRange?: (from: number, to: number) => void;
}

const Drawing = lazy(() => import("./ChartDrawing"));

export function Chart(props: ChartProps) {
  const scheme = useComputedColorScheme("light");
  return (
    <div className="chart" style={{ height: props.height }} role="img" aria-label={props.label}>
      <Suspense fallback={<span className="dim3 t12">Drawing.</span>}>
        <Drawing {...props} scheme={scheme} />
      </Suspense>
    </div>
  );
}
