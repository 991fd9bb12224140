import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * For what is asked for one after the other, and answered in any order.
 * @param scope what the answers are for; when it changes, and when the view goes, none is wanted any more
 * @returns begins a request, and gives whether its answer is still wanted: it is the newest one's
 */
export function useLatest(scope: readonly unknown[]): () => () => boolean {
  const newest = useRef(0);
  useLayoutEffect(
    () => () => {
      newest.current++;
    },
    scope,
  );
  return () => {
    const mine = ++newest.current;
    return () => mine === newest.current;
  };
}
