import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { createStore, useStore } from "../store.ts";
import { Icon } from "./icon.tsx";

interface DialogProps {
  title: string;
  children: ComponentChildren;
  onClose(): void;
  isWide?: boolean;
}

/** The browser's own dialog: it keeps the focus inside, and Escape closes it. */
export function Dialog({ title, children, onClose, isWide }: DialogProps) {
  const t = useWords();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    element.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={element} class={isWide ? "wide" : ""} aria-label={title} onClose={onClose}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label={t.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface Question {
  title: string;
  /** What is lost. */
  loss: string;
  /** The things that it is lost of. */
  names: readonly string[];
  action: string;
  /** Choices, off at first unless given here. */
  options?: readonly { name: string; text: string; isOn?: boolean }[];
  answer(chosen: ReadonlySet<string> | undefined): void;
}

const question = createStore<Question | undefined>(undefined);

/** Asks before what cannot be undone. @returns the options that were chosen; undefined for no */
export function confirm(asked: Omit<Question, "answer">): Promise<ReadonlySet<string> | undefined> {
  return new Promise((resolve) => {
    question.set({
      ...asked,
      answer(chosen) {
        question.set(undefined);
        resolve(chosen);
      },
    });
  });
}

const mostNamed = 12;

export function Confirmation() {
  const asked = useStore(question);
  return asked ? <Ask key={asked.title} asked={asked} /> : null;
}

function Ask({ asked }: { asked: Question }) {
  const t = useWords();
  const { title, loss, names, action, options = [], answer } = asked;
  const [chosen, setChosen] = useState(new Set(options.filter(({ isOn }) => isOn).map(({ name }) => name)));
  return (
    <Dialog title={title} onClose={() => answer(undefined)}>
      <p>{loss}</p>
      <ul class="names">
        {names.slice(0, mostNamed).map((name) => (
          <li key={name}>{name}</li>
        ))}
        {names.length > mostNamed && <li class="muted">{t.andMore(names.length - mostNamed)}</li>}
      </ul>
      {options.map(({ name, text }) => (
        <label key={name} class="check">
          <input
            type="checkbox"
            checked={chosen.has(name)}
            onChange={({ currentTarget }) => {
              const next = new Set(chosen);
              if (currentTarget.checked) next.add(name);
              else next.delete(name);
              setChosen(next);
            }}
          />
          {text}
        </label>
      ))}
      <footer>
        <button type="button" onClick={() => answer(undefined)}>
          {t.cancel}
        </button>
        <button type="button" class="danger" onClick={() => answer(chosen)}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
