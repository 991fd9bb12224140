import type { ComponentChildren } from "preact";
import { useWords } from "../languages/language.ts";
import type { Resource } from "../live/resource.ts";
import { hintFor } from "./hints.ts";

/** What a resource holds; before, that it is loading; or why it is not there. */
export function Loaded<T>({ of, children }: { of: Resource<T>; children(value: T): ComponentChildren }) {
  const t = useWords();
  const { value, failure, reload } = of;
  if (value !== undefined) return <>{children(value)}</>;
  if (!failure) return <p class="empty">{t.loading}</p>;
  const hint = hintFor(failure.message);
  return (
    <div class="empty" role="alert">
      <strong>{t.failedToLoad}</strong>
      <p>{failure.message}</p>
      {hint && <p class="muted">{hint}</p>}
      <button type="button" onClick={reload}>
        {t.tryAgain}
      </button>
    </div>
  );
}
