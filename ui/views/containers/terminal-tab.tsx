import { useEffect, useRef, useState } from "preact/hooks";
import { at, post } from "../../api/call.ts";
import { useWords } from "../../languages/language.ts";
import { attempt } from "../../parts/notices.tsx";
import type { TerminalOf } from "../../terminal/open.ts";
import { Terminal } from "../../terminal/terminal.tsx";
import type { TabProps } from "./tab.ts";

/** The best shell that there is. */
const anyShell = ["sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

const shells: Record<string, string[]> = {
  auto: anyShell,
  sh: ["sh"],
  bash: ["bash"],
  ash: ["ash"],
  zsh: ["zsh"],
};

/** A shell in the container, or its main process. */
export function TerminalTab({ container }: TabProps) {
  const t = useWords();
  const [shell, setShell] = useState("auto");
  const [user, setUser] = useState("");
  const [open, setOpen] = useState<{ of: TerminalOf; turn: number }>();
  const turns = useRef(0);
  const [end, setEnd] = useState<string>();
  useEffect(() => {
    if (!container.State.Running) setOpen(undefined);
  }, [container.State.Running]);
  if (!container.State.Running) return <p class="empty">{t.notRunning}</p>;

  /** Each is one of its own, also on the same process. */
  const show = (of: TerminalOf) => setOpen({ of, turn: turns.current++ });

  async function start(): Promise<void> {
    setEnd(undefined);
    await attempt(t.shell, async () => {
      const body = {
        ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true },
        Cmd: shells[shell] ?? [shell],
        User: user,
        Env: ["TERM=xterm-256color"],
      };
      const { Id } = await post<{ Id: string }>(`/containers/${at(container.Id)}/exec`, {}, body);
      show({ kind: "exec", id: Id });
    });
  }

  // What was printed last stays to be read.
  const isOpen = open !== undefined && end === undefined;
  const close = (reason: string) => setEnd(reason || t.terminalEnded);
  return (
    <div class="terminal-tab">
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <select
          aria-label={t.shell}
          value={shell}
          onChange={({ currentTarget }) => setShell(currentTarget.value)}
        >
          {Object.keys(shells).map((name) => (
            <option key={name} value={name}>
              {name === "auto" ? `${t.shell}: bash, sh` : name}
            </option>
          ))}
        </select>
        <input
          type="text"
          placeholder={t.user}
          aria-label={t.user}
          value={user}
          onInput={({ currentTarget }) => setUser(currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={isOpen}>
          {t.openShell}
        </button>
        <button
          type="button"
          disabled={isOpen}
          onClick={() => {
            setEnd(undefined);
            show({ kind: "attach", id: container.Id });
          }}
        >
          {t.attach}
        </button>
        {isOpen && (
          <button
            type="button"
            onClick={() => {
              setOpen(undefined);
              setEnd(t.terminalEnded);
            }}
          >
            {t.closeTerminal}
          </button>
        )}
        {end !== undefined && <span class="muted">{end}</span>}
      </form>
      {open && <Terminal key={open.turn} of={open.of} onEnd={close} />}
    </div>
  );
}
