import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { useScroller } from "../parts/scroller.ts";
import { plainHeights, wrappedHeights } from "./heights.ts";
import type { LogLine } from "./line-store.ts";
import { columnsBefore, LogText } from "./log-line.tsx";
import type { LogLook } from "./look.ts";
import type { LogSource } from "./use-log.ts";

interface LinesProps {
  sources: readonly LogSource[];
  lines: readonly LogLine[];
  look: LogLook;
  pattern: RegExp | undefined;
  /** The line that a search has come to. */
  marked: number | undefined;
  onFollow(isFollowing: boolean): void;
  onOpen(line: LogLine): void;
  empty: string;
}

const rowHeight = 18;
const padding = 8;
/** A document of more pixels is cut off by browsers. */
const mostPixels = 16_000_000;

/** Only the lines in view are in the document, however many there are. */
export function LogLines({ sources, lines, look, pattern, marked, onFollow, onOpen, empty }: LinesProps) {
  const t = useWords();
  const scroller = useScroller();
  const { element } = scroller;
  const probe = useRef<HTMLSpanElement>(null);
  const before = columnsBefore(sources.length > 1, look.hasTime);
  const columns = columnsOf(scroller.width, probe.current);
  const heights = useMemo(
    () => (look.isWrapped ? wrappedHeights(lines, columns, before) : plainHeights(lines.length)),
    [lines, look.isWrapped, columns, before],
  );
  const total = Math.min(mostPixels, heights.rows * rowHeight);
  useLayoutEffect(() => {
    if (look.isFollowing && element.current) element.current.scrollTop = element.current.scrollHeight;
  }, [lines, look.isFollowing, look.isWrapped, total, scroller.height]);
  useEffect(() => {
    if (marked === undefined || !element.current) return;
    element.current.scrollTop = heights.topOf(marked) * rowHeight - scroller.height / 2;
  }, [marked]);
  const first = Math.max(0, heights.lineAt(Math.floor(scroller.top / rowHeight)) - 3);
  const last = Math.min(
    lines.length,
    heights.lineAt(Math.ceil((scroller.top + scroller.height) / rowHeight)) + 4,
  );
  return (
    <div
      class="log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keys
      tabIndex={0}
      role="log"
      aria-label={t.logs}
      aria-live="off"
      ref={element}
      onScroll={() => {
        scroller.onScroll();
        const { current } = element;
        if (!current) return;
        const rest = current.scrollHeight - current.scrollTop - current.clientHeight;
        if (rest > rowHeight * 2) onFollow(false);
      }}
    >
      <span ref={probe} class="probe" aria-hidden="true">
        {"x".repeat(50)}
      </span>
      {lines.length === 0 && <p class="empty">{empty}</p>}
      <div class={`log-body ${look.isWrapped ? "wrapped" : ""}`} style={{ height: `${total}px` }}>
        {lines.slice(first, last).map((line, index) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: what a click opens is there in the line as well
          // biome-ignore lint/a11y/useKeyWithClickEvents: see above
          <div
            key={line.number}
            class={`line ${line.stream} ${first + index === marked ? "marked" : ""}`}
            style={{ top: `${heights.topOf(first + index) * rowHeight}px` }}
            onClick={() => onOpen(line)}
          >
            <LogText
              line={line}
              name={sources.length > 1 ? (sources[line.source]?.name ?? "") : ""}
              hasTime={look.hasTime}
              pattern={pattern}
              isWrapped={look.isWrapped}
            />
          </div>
        ))}
      </div>
    </div>
  );
}

function columnsOf(width: number, probe: HTMLElement | null): number {
  const characterWidth = (probe?.getBoundingClientRect().width ?? 361) / 50;
  return Math.max(10, Math.floor((width - 2 * padding) / characterWidth));
}
