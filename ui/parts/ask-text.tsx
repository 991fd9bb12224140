import { useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { createStore, useStore } from "../store.ts";
import { Dialog } from "./dialog.tsx";

interface TextQuestion {
  title: string;
  label: string;
  initial: string;
  answer(text: string | undefined): void;
}

const question = createStore<TextQuestion | undefined>(undefined);

/** Asks for one line. @returns undefined when it was cancelled */
export function askText(title: string, label: string, initial = ""): Promise<string | undefined> {
  return new Promise((resolve) => {
    question.set({
      title,
      label,
      initial,
      answer(text) {
        question.set(undefined);
        resolve(text);
      },
    });
  });
}

export function TextQuestions() {
  const asked = useStore(question);
  return asked ? <Ask key={asked.title} {...asked} /> : null;
}

function Ask({ title, label, initial, answer }: TextQuestion) {
  const t = useWords();
  const [text, setText] = useState(initial);
  return (
    <Dialog title={title} onClose={() => answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) answer(text.trim());
        }}
      >
        <label class="field">
          <span>{label}</span>
          <input type="text" value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
        </label>
        <footer>
          <button type="button" onClick={() => answer(undefined)}>
            {t.cancel}
          </button>
          <button type="submit" class="primary">
            {title}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
