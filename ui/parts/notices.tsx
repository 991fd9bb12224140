import { textOf } from "../api/failure.ts";
import { useWords, words } from "../languages/language.ts";
import { createStore, useStore } from "../store.ts";
import { hintFor } from "./hints.ts";
import { Icon } from "./icon.tsx";

interface Notice {
  id: number;
  kind: "error" | "done";
  title: string;
  text: string;
  hint: string;
}

const notices = createStore<readonly Notice[]>([]);
const mostShown = 4;
const doneMilliseconds = 4000;
let sequence = 0;

function add(notice: Omit<Notice, "id">): void {
  const id = ++sequence;
  notices.set([...notices.get(), { ...notice, id }].slice(-mostShown));
  if (notice.kind === "done") setTimeout(() => dismiss(id), doneMilliseconds);
}

const dismiss = (id: number) => notices.set(notices.get().filter((one) => one.id !== id));

export const tell = (title: string, text = "") => add({ kind: "done", title, text, hint: "" });

export function complain(title: string, error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const text = shortenIds(textOf(error));
  add({ kind: "error", title, text, hint: hintFor(text) });
}

/** The engine names by the whole id what it was asked for by one. */
const shortenIds = (text: string) => text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");

/** Does it, and shows what goes wrong. @returns whether it was done */
export async function attempt(what: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    complain(words().failed(what), error);
    return false;
  }
}

export function Notices() {
  const t = useWords();
  const shown = useStore(notices);
  return (
    <div class="notices" aria-live="polite">
      {shown.map(({ id, kind, title, text, hint }) => (
        <div key={id} class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
          <div>
            <strong>{title}</strong>
            {text && <p>{text}</p>}
            {hint && <p class="hint">{hint}</p>}
          </div>
          <button type="button" class="icon-button" aria-label={t.close} onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
