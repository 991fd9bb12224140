import type { StatusResponse } from "../../buildkit/messages/control.ts";
import { formatSize } from "../../formats/units.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";

/** Shows how far a build is. */
export interface BuildView {
  show(status: StatusResponse): void;
  /** Leaves the screen to someone else. @returns what takes it back */
  pause(): () => void;
  /** Leaves what is shown as it is. */
  close(): void;
}

type Vertex = StatusResponse["vertexes"][number];

/** @param mode "auto", "plain", "tty" or "quiet" @throws ExitError for another */
export function createBuildView(cli: Cli, mode: string): BuildView {
  if (mode === "quiet") return { show() {}, pause: () => () => {}, close() {} };
  if (mode === "plain") return createPlainView(cli.stderr);
  if (mode === "tty") return createLiveView(cli);
  if (mode !== "auto") throw new ExitError(1, `invalid progress mode: ${mode}`);
  return cli.stderr.isTTY ? createLiveView(cli) : createPlainView(cli.stderr);
}

const secondsOf = (time: { seconds: number; nanos: number } | undefined) =>
  time ? time.seconds + time.nanos / 1e9 : 0;

/** Docker's plain lines: each step has a number, and its output follows. */
export function createPlainView(output: Pick<Cli["stderr"], "write">): BuildView {
  const numbers = new Map<string, number>();
  const known = new Map<string, Vertex>();
  const done = new Set<string>();
  const warnings: string[] = [];
  let last = "";

  function enter(digest: string): string {
    const isNew = !numbers.has(digest);
    if (isNew) numbers.set(digest, numbers.size + 1);
    const prefix = `#${numbers.get(digest)}`;
    if (last !== digest) {
      if (last !== "") output.write("\n");
      output.write(isNew ? `${prefix} ${known.get(digest)?.name ?? ""}\n` : `${prefix} ...\n`);
      last = digest;
    }
    return prefix;
  }

  function finish(vertex: Vertex): void {
    const prefix = enter(vertex.digest);
    done.add(vertex.digest);
    const seconds = (secondsOf(vertex.completed) - secondsOf(vertex.started)).toFixed(1);
    if (vertex.error.endsWith("context canceled")) output.write(`${prefix} CANCELED\n`);
    else if (vertex.error !== "") output.write(`${prefix} ERROR: ${vertex.error}\n`);
    else output.write(vertex.cached ? `${prefix} CACHED\n` : `${prefix} DONE ${seconds}s\n`);
  }

  return {
    show({ vertexes, statuses, logs, warnings: more }) {
      for (const vertex of vertexes) known.set(vertex.digest, vertex);
      for (const { vertex, id, current, completed } of statuses)
        if (completed)
          output.write(`${enter(vertex)} ${id}${current > 0 ? ` ${formatSize(current)}` : ""} done\n`);
      for (const { vertex, timestamp, message } of logs) {
        const prefix = enter(vertex);
        const at = (secondsOf(timestamp) - secondsOf(known.get(vertex)?.started)).toFixed(3);
        for (const line of Buffer.from(message).toString().replace(/\n$/, "").split("\n"))
          output.write(`${prefix} ${at} ${line}\n`);
      }
      for (const { digest } of vertexes) {
        const vertex = known.get(digest);
        if (!vertex || done.has(digest)) continue;
        if (vertex.completed) finish(vertex);
        else if (vertex.started) enter(digest);
      }
      warnings.push(...more.map(({ short }) => Buffer.from(short).toString()));
    },
    pause: () => () => {},
    close: () => printWarnings(output, warnings.splice(0)),
  };
}

function printWarnings(output: Pick<Cli["stderr"], "write">, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  output.write(`\n ${warnings.length} warning${warnings.length > 1 ? "s" : ""} found:\n`);
  for (const warning of warnings) output.write(` - ${warning}\n`);
}

const frameMilliseconds = 120;
const shownLogLines = 6;

/** A window that is drawn over: steps with their times, and the last lines of those that run. */
function createLiveView(cli: Cli): BuildView {
  const { stderr } = cli;
  const steps = new Map<string, { vertex: Vertex; lines: string[] }>();
  const begun = Date.now();
  const warnings: string[] = [];
  let drawn = 0;
  const columns = () => Math.max(20, cli.stdout.columns ?? 80);
  const fit = (text: string) => (text.length > columns() ? `${text.slice(0, columns() - 1)}…` : text);

  function draw(): void {
    const all = [...steps.values()].filter(({ vertex }) => vertex.started);
    const finished = all.filter(({ vertex }) => vertex.completed).length;
    const seconds = ((Date.now() - begun) / 1000).toFixed(1);
    const rows = [`[+] Building ${seconds}s (${finished}/${steps.size})`];
    for (const { vertex, lines } of all) rows.push(...describe(vertex, lines).map(fit));
    const room = Math.max(5, (cli.stdout.rows ?? 24) - 2);
    const shown = rows.length > room ? [rows[0] as string, ...rows.slice(rows.length - room + 1)] : rows;
    stderr.write(
      `${drawn > 0 ? `\u001b[${drawn}A` : ""}${shown.map((row) => `\u001b[2K${row}\n`).join("")}\u001b[J`,
    );
    drawn = shown.length;
  }

  let timer = setInterval(draw, frameMilliseconds);
  return {
    show(status) {
      for (const vertex of status.vertexes)
        steps.set(vertex.digest, { vertex, lines: steps.get(vertex.digest)?.lines ?? [] });
      for (const { vertex, message } of status.logs) {
        const step = steps.get(vertex);
        if (!step) continue;
        step.lines.push(...Buffer.from(message).toString().replace(/\n$/, "").split("\n").map(printable));
        step.lines.splice(0, step.lines.length - shownLogLines);
      }
      warnings.push(...status.warnings.map(({ short }) => Buffer.from(short).toString()));
    },
    pause() {
      clearInterval(timer);
      draw();
      return () => {
        drawn = 0;
        timer = setInterval(draw, frameMilliseconds);
      };
    },
    close() {
      clearInterval(timer);
      draw();
      printWarnings(stderr, warnings.splice(0));
    },
  };
}

/** What a command prints must not move the cursor. */
export function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/[\u0000-\u001f\u007f]/g, "");
}

function describe(vertex: Vertex, lines: readonly string[]): string[] {
  const until = vertex.completed ? secondsOf(vertex.completed) : Date.now() / 1000;
  const time = `${Math.max(0, until - secondsOf(vertex.started)).toFixed(1)}s`;
  const state = vertex.error ? "ERROR " : vertex.cached ? "CACHED " : "";
  const row = ` => ${state}${vertex.name}  ${time}`;
  if (vertex.completed && !vertex.error) return [row];
  return [row, ...lines.map((line) => ` => => # ${line}`)];
}
