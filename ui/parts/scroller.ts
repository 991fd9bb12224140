import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** What of a tall content is in view. */
export interface Scroller {
  element: { current: HTMLDivElement | null };
  top: number;
  height: number;
  width: number;
  onScroll(): void;
}

/** Follows one element's scrolling and size. */
export function useScroller(): Scroller {
  const element = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, width: 1000 });
  const measure = useCallback(() => {
    const { current } = element;
    if (!current) return;
    const next = { top: current.scrollTop, height: current.clientHeight, width: current.clientWidth };
    setView((old) =>
      old.top === next.top && old.height === next.height && old.width === next.width ? old : next,
    );
  }, []);
  useEffect(() => {
    if (!element.current) return;
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return { element, ...view, onScroll: measure };
}

/** The rows to draw, with a few more on both sides. */
export function rowsInView(top: number, height: number, rowHeight: number, count: number) {
  const extra = 6;
  const first = Math.max(0, Math.floor(top / rowHeight) - extra);
  return { first, last: Math.min(count, Math.ceil((top + height) / rowHeight) + extra) };
}
