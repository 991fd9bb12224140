import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, type Query } from "../api/call.ts";
import { Failure, textOf } from "../api/failure.ts";
import { onEvents } from "./events.ts";

export interface Resource<T> {
  value: T | undefined;
  failure: Failure | undefined;
  reload(): void;
}

const gatherMilliseconds = 250;

/**
 * What a GET answers, asked again when an event of one of these types comes and after each lost connection.
 * @param path undefined for nothing to ask yet
 */
export function useResource<T>(
  path: string | undefined,
  types: readonly string[],
  query?: Query,
): Resource<T> {
  const [state, setState] = useState<{ path?: string | undefined; value?: T; failure?: Failure }>({});
  const key = `${path}?${JSON.stringify(query)}`;
  /** What is asked just now; `isStale` when something has changed since. */
  const running = useRef<{ key: string; isStale: boolean } | undefined>(undefined);
  const reload = useCallback(() => {
    if (path === undefined) return;
    if (running.current?.key === key) {
      running.current.isStale = true;
      return;
    }
    const own = { key, isStale: false };
    running.current = own;
    const take = (found: { value: T } | { failure: Failure }) => {
      if (running.current !== own) return;
      running.current = undefined;
      setState({ path: key, ...found });
      if (own.isStale) reload();
    };
    get<T>(path, query).then(
      (value) => take({ value }),
      (error: unknown) => take({ failure: error instanceof Failure ? error : new Failure(0, textOf(error)) }),
    );
  }, [key]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    reload();
    const unfollow = onEvents((event) => {
      if (event !== "connected" && !types.includes(event.Type)) return;
      if (event !== "connected" && /^(exec_|top|mount$|unmount$)/.test(event.Action)) return;
      // What was asked over a connection that was lost may never be answered.
      if (event === "connected") running.current = undefined;
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, gatherMilliseconds);
    });
    return () => {
      unfollow();
      clearTimeout(timer);
      running.current = undefined;
    };
  }, [reload]);
  const isOurs = state.path === key;
  return { value: isOurs ? state.value : undefined, failure: isOurs ? state.failure : undefined, reload };
}
