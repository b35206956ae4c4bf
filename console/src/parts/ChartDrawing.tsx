/** ECharts behind `Chart`: only the modules in use, colours read from the tokens. */
import { BarChart, LineChart } from "echarts/charts";
import { BrushComponent, GridComponent, MarkLineComponent, ToolboxComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

import type { ChartProps } from "./Chart";
import { measure } from "./format";

echarts.use([BarChart, LineChart, GridComponent, TooltipComponent, MarkLineComponent, BrushComponent, ToolboxComponent, CanvasRenderer]);

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function option({ series, unit, limits = [], onRange }: ChartProps): echarts.EChartsCoreOption {
  const axis = { axisLine: { lineStyle: { color: token("line-strong") } }, axisLabel: { color: token("text-3"), fontSize: 11 }, axisTick: { show: false } };
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 4, right: 44, top: 8, bottom: 20 },
    tooltip: {
      trigger: "axis",
      backgroundColor: token("raised"),
      borderColor: token("line-strong"),
      textStyle: { color: token("text"), fontSize: 12 },
      valueFormatter: (value: unknown) => (typeof value === "number" ? measure(value, unit) : "none"),
    },
    xAxis: { type: "time", ...axis, splitLine: { show: false }, axisLabel: { ...axis.axisLabel, hideOverlap: true } },
    yAxis: {
      type: "value", position: "right", splitNumber: 2, minInterval: series.some((each) => each.kind === "bar") ? 1 : 0, ...axis,
      axisLine: { show: false }, splitLine: { lineStyle: { color: token("line-soft") } },
      axisLabel: { ...axis.axisLabel, formatter: (value: number) => measure(value, unit) },
    },
    toolbox: { show: false },
    ...(onRange ? { brush: { xAxisIndex: 0, brushStyle: { color: token("accent-bg"), borderColor: token("accent") } } } : {}),
    series: series.map((each, index) => ({
      name: each.name,
      type: each.kind === "bar" ? "bar" : "line",
      // Nothing is drawn for nothing: `barMinHeight` would make a mark of each zero.
      data: each.kind === "bar" ? each.points.map(([at, value]) => [at, value === 0 ? null : value]) : each.points,
      showSymbol: false,
      ...(each.kind === "bar" ? { stack: "all", barMaxWidth: 14, barMinHeight: 1 } : {}),
      color: token(each.tone),
      lineStyle: { width: 1.5, color: token(each.tone) },
      ...(each.kind === "area" ? { areaStyle: { color: token(each.tone), opacity: index === 0 ? 0.08 : 0.8 } } : {}),
      ...(index === 0 && limits.length > 0
        ? {
            markLine: {
              silent: true, symbol: "none",
              data: limits.map((limit) => ({
                yAxis: limit.value, name: limit.name,
                lineStyle: { color: token(limit.tone), type: "dashed", width: 1 },
                label: { show: false },
              })),
            },
          }
        : {}),
    })),
  };
}

export default function ChartDrawing(props: ChartProps & { scheme: string }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const { onRange } = props;

  useEffect(() => {
    if (box.current === null) return undefined;
    const drawn = echarts.init(box.current);
    chart.current = drawn;
    const observer = new ResizeObserver(() => drawn.resize());
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      drawn.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(option(props), { notMerge: true });
    if (props.onRange) chart.current?.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType: "lineX", brushMode: "single" } });
  }, [props]);

  useEffect(() => {
    const drawn = chart.current;
    if (!onRange || drawn === null) return undefined;
    const ended = (event: unknown): void => {
      const range = (event as { areas?: { coordRange?: [number, number] }[] }).areas?.[0]?.coordRange;
      if (range) onRange(range[0], range[1]);
    };
    drawn.on("brushEnd", ended);
    return () => {
      if (!drawn.isDisposed()) drawn.off("brushEnd", ended);
    };
  }, [onRange]);

  return <div ref={box} style={{ width: "100%", height: "100%" }} />;
}
