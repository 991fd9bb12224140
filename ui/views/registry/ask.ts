import { useEffect, useState } from "preact/hooks";
import { call, type Query } from "../../api/call.ts";
import { Failure, textOf } from "../../api/failure.ts";
import type { Resource } from "../../live/resource.ts";
import { authHeader } from "../images/reference.ts";

/** The name and password that a registry is asked with. */
export interface RegistryLogin {
  user: string;
  password: string;
}

/** What the engine learns from a registry, asked again on request. */
export function useRegistry<T>(path: string, query: Query, host: string, login: RegistryLogin): Resource<T> {
  const [state, setState] = useState<{ value?: T; failure?: Failure }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const headers = authHeader(`${host}/any`, login);
    call<T>("GET", path, { query, headers, signal: stop.signal }).then(
      (value) => setState({ value }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setState({ failure: error instanceof Failure ? error : new Failure(0, textOf(error)) });
      },
    );
    return () => stop.abort();
  }, [path, JSON.stringify(query), login, turn]);
  return { value: state.value, failure: state.failure, reload: () => setTurn((old) => old + 1) };
}
