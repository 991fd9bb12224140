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
  const asked = useRef(0);
  const reload = useCallback(() => {
    if (path === undefined) return;
    const turn = ++asked.current;
    get<T>(path, query).then(
      (value) => turn === asked.current && setState({ path: key, value }),
      (error: unknown) => {
        if (turn !== asked.current) return;
        setState({ path: key, failure: error instanceof Failure ? error : new Failure(0, textOf(error)) });
      },
    );
  }, [key]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    reload();
    const unfollow = onEvents((event) => {
      if (event !== "connected" && !types.includes(event.Type)) return;
      if (event !== "connected" && /^(exec_|top)/.test(event.Action)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, gatherMilliseconds);
    });
    return () => {
      unfollow();
      clearTimeout(timer);
      asked.current++;
    };
  }, [reload]);
  const isOurs = state.path === key;
  return { value: isOurs ? state.value : undefined, failure: isOurs ? state.failure : undefined, reload };
}
