import { useEffect, useMemo, useState } from "preact/hooks";
import { call, type Query } from "../../api/call.ts";
import { Failure, textOf } from "../../api/failure.ts";
import type { Resource } from "../../live/resource.ts";
import { authHeader, type RegistryLogin } from "../images/reference.ts";

/** What the engine learns from a registry, asked again on request. */
export function useRegistry<T>(path: string, query: Query, host: string, login: RegistryLogin): Resource<T> {
  const [state, setState] = useState<{ asked?: object; value?: T; failure?: Failure }>({});
  const [turn, setTurn] = useState(0);
  // An answer counts for what was asked, and with which login.
  const asked = useMemo(() => ({}), [path, JSON.stringify(query), login]);
  useEffect(() => {
    const stop = new AbortController();
    const headers = authHeader(`${host}/any`, login);
    call<T>("GET", path, { query, headers, signal: stop.signal }).then(
      (value) => stop.signal.aborted || setState({ asked, value }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setState({ asked, failure: error instanceof Failure ? error : new Failure(0, textOf(error)) });
      },
    );
    return () => stop.abort();
  }, [asked, turn]);
  const isOurs = state.asked === asked;
  return {
    value: isOurs ? state.value : undefined,
    failure: isOurs ? state.failure : undefined,
    reload: () => setTurn((old) => old + 1),
  };
}
