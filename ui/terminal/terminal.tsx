import { useEffect, useRef, useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import type { TerminalOf } from "./open.ts";

/** A terminal on a process; the library that draws it is loaded with the first. */
export function Terminal({ of, onEnd }: { of: TerminalOf; onEnd(reason: string): void }) {
  const t = useWords();
  const element = useRef<HTMLDivElement>(null);
  const [isLoading, setLoading] = useState(true);
  useEffect(() => {
    const { current } = element;
    if (!current) return;
    let close = () => {};
    let isGone = false;
    void import("./open.ts").then(({ openInto }) => {
      setLoading(false);
      if (!isGone) close = openInto(current, of, onEnd);
    });
    return () => {
      isGone = true;
      close();
    };
  }, []);
  return (
    <section class="terminal" aria-label={t.terminalLabel}>
      {isLoading && <p class="empty">{t.loading}</p>}
      <div ref={element} />
    </section>
  );
}
