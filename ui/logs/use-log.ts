import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { followLog } from "./follow-log.ts";
import { createLineStore, type LineStore } from "./line-store.ts";
import { createSelecting, type LogQuery, type LogSelection, testOf } from "./selection.ts";

export interface LogSource {
  id: string;
  name: string;
}

export interface Log {
  store: LineStore;
  selection: LogSelection;
  pattern: RegExp | undefined;
  /** Why no more lines come; undefined while they do. */
  end: string | undefined;
  clear(): void;
}

const drawMilliseconds = 100;

/** The lines of one or more containers, as they come. */
export function useLog(sources: readonly LogSource[], query: LogQuery): Log {
  const store = useMemo(createLineStore, []);
  const [version, setVersion] = useState(0);
  const [end, setEnd] = useState<string>();
  const draw = useDrawing(() => setVersion((old) => old + 1));
  const key = sources.map(({ id }) => id).join();
  useEffect(() => {
    store.clear();
    draw();
    const ends = sources.map(({ id }, index) => followLog(id, index, sources.length, store, draw, setEnd));
    return () => {
      for (const stop of ends) stop();
    };
  }, [key]);
  const test = useMemo(() => testOf(query), [query.search, query.isOnlyMatches, query.fields]);
  const [selection, setSelection] = useState<LogSelection>({ lines: [], matches: [] });
  const selecting = useMemo(() => createSelecting(setSelection), []);
  useEffect(() => selecting.stop, []);
  useEffect(() => selecting.select(() => store.lines, test), [version, test]);
  const clear = () => {
    selecting.stop();
    store.clear();
    draw();
  };
  return { store, selection, pattern: test.pattern, end, clear };
}

/** Draws now and then, however fast lines come. */
function useDrawing(draw: () => void): () => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      draw();
    }, drawMilliseconds);
  };
}
