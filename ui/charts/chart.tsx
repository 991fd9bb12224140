import { useEffect, useRef } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { useStore } from "../store.ts";
import { theme } from "../theme.ts";
import type { Drawing } from "./draw.ts";
import type { Series } from "./series.ts";

interface ChartProps {
  title: string;
  /** Seconds since 1970. */
  times: number[];
  series: readonly Series[];
  format(value: number): string;
  height?: number;
}

/** Lines over time. The library that draws them is loaded with the first chart. */
export function Chart({ title, times, series, format, height = 150 }: ChartProps) {
  const t = useWords();
  const element = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | undefined>(undefined);
  const look = useStore(theme);
  const labels = series.map(({ label }) => label).join("\0");
  const newest = useRef({ times, series });
  newest.current = { times, series };
  useEffect(() => {
    const { current } = element;
    if (!current) return;
    let isGone = false;
    void import("./draw.ts").then(({ draw }) => {
      if (!isGone)
        drawing.current = draw(current, height, newest.current.series, format, newest.current.times);
    });
    return () => {
      isGone = true;
      drawing.current?.remove();
      drawing.current = undefined;
    };
  }, [labels, look, height]);
  useEffect(() => drawing.current?.show(times, series), [times, series]);
  const last = series.map(({ label, values }) => [label, values.at(-1)] as const);
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        {last.map(([label, value], index) => (
          <span key={label} class={`legend c${index % 8}`}>
            {label} {value === null || value === undefined ? "" : format(value)}
          </span>
        ))}
      </figcaption>
      {times.length < 2 ? <p class="muted">{t.notYetSampled}</p> : null}
      <div ref={element} aria-hidden="true" />
    </figure>
  );
}
