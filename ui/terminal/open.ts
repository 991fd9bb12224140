import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { at, post } from "../api/call.ts";
import { openTerminal } from "../api/stream.ts";
import { words } from "../languages/language.ts";
import { createFrameReader } from "../logs/frames.ts";
import { limitUnwritten } from "./limit-unwritten.ts";
import { withoutStyleElements } from "./styles.ts";

export interface TerminalOf {
  kind: "exec" | "attach";
  /** Of the exec, or of the container. */
  id: string;
}

const resizeMilliseconds = 100;

/** @returns what closes it */
export function openInto(
  element: HTMLElement,
  { kind, id }: TerminalOf,
  onEnd: (reason: string) => void,
): () => void {
  const terminal = new Terminal({
    cursorBlink: true,
    fontFamily: getComputedStyle(element).getPropertyValue("--mono"),
    fontSize: 13,
    scrollback: 5000,
    screenReaderMode: true,
    theme: { background: "#10161a", foreground: "#e3e9ed" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  withoutStyleElements(() => terminal.open(element));
  fit.fit();
  const writeSome = limitUnwritten(terminal, words().terminalDropped);
  let write = writeSome;
  const size = { rows: terminal.rows, columns: terminal.cols };
  const stream = openTerminal(kind, id, size, {
    onOpen(type) {
      const frames = createFrameReader((_, bytes) => writeSome(bytes));
      if (type === "frames") write = frames;
      resize();
      terminal.focus();
    },
    onBytes: (bytes) => write(bytes),
    onEnd: (failure) => onEnd(failure?.message ?? ""),
  });
  const encoder = new TextEncoder();
  terminal.onData((text) => stream.send(encoder.encode(text)));
  const base = kind === "exec" ? `/exec/${at(id)}` : `/containers/${at(id)}`;
  const resize = () => {
    fit.fit();
    // A process that has just ended has no size any more.
    post(`${base}/resize`, { h: terminal.rows, w: terminal.cols }).catch(() => undefined);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(resize, resizeMilliseconds);
  });
  observer.observe(element);
  return () => {
    observer.disconnect();
    clearTimeout(timer);
    stream.close();
    terminal.dispose();
  };
}
