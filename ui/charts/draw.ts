import uPlot from "uplot";
import { formatClock } from "../formats/time.ts";
import type { Series } from "./series.ts";

export interface Drawing {
  show(times: number[], series: readonly Series[]): void;
  remove(): void;
}

/** Draws into an element as wide as it is, also when that changes. */
export function draw(
  element: HTMLElement,
  height: number,
  series: readonly Series[],
  format: (value: number) => string,
  times: number[],
): Drawing {
  const style = getComputedStyle(element);
  const variable = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: variable("--muted"),
    grid: { stroke: variable("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui",
  };
  const plot = new uPlot(
    {
      width: Math.max(100, element.clientWidth),
      height,
      legend: { show: false },
      cursor: { y: false },
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        // Of one moment there is no time to show.
        {
          ...{ ...axis, size: 24, space: 75 },
          values: ({ data: [moments] }, splits) => (moments.length > 1 ? formatSplits(splits) : []),
        },
        { ...axis, size: 64, values: (_, values) => values.map(format) },
      ],
      series: [
        {},
        ...series.map(({ label }, index) => ({
          label,
          stroke: variable(`--c${index % 8}`),
          width: 1.5,
          points: { show: false },
          ...(series.length === 1 && { fill: variable("--accent-soft") }),
        })),
      ],
    },
    dataOf(times, series),
    element,
  );
  const observer = new ResizeObserver(() =>
    plot.setSize({ width: Math.max(100, element.clientWidth), height }),
  );
  observer.observe(element);
  return {
    show: (newTimes, newSeries) => plot.setData(dataOf(newTimes, newSeries)),
    remove() {
      observer.disconnect();
      plot.destroy();
    },
  };
}

/** Clock times, with seconds or a day where these are what differs. */
function formatSplits(splits: number[]): string[] {
  const [first = 0, second = first] = splits;
  const step = second - first;
  return splits.map((at) => {
    const date = new Date(at * 1000);
    if (step >= 86_400) return `${date.getMonth() + 1}-${date.getDate()}`;
    return formatClock(date).slice(0, step < 60 ? 8 : 5);
  });
}

const dataOf = (times: number[], series: readonly Series[]): uPlot.AlignedData => [
  times,
  ...series.map(({ values }) => values),
];
