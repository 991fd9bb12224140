import type { ProgressMessage } from "../formats/docker-api/docker-api.ts";
import { formatSize } from "../formats/units.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";
import { createTransferRate, type TransferRate } from "./transfer-rate.ts";

type Output = Cli["stdout"];

/**
 * Shows a progress stream: on a terminal one line per layer, redrawn in place; elsewhere plain lines without bars.
 * @throws ExitError with the daemon's message when the stream reports an error
 */
export async function showProgress(
  output: Output,
  messages: AsyncIterable<ProgressMessage>,
  options: { onAux?: (aux: object) => void; isQuiet?: boolean } = {},
): Promise<void> {
  const isTerminal = output.isTTY === true;
  const lines = new Map<string, number>();
  const rates = new Map<string, TransferRate>();
  let drawn = 0;
  for await (const message of messages) {
    const failure = message.errorDetail?.message ?? message.error;
    if (failure !== undefined) throw new ExitError(1, failure);
    if (message.aux !== undefined) options.onAux?.(message.aux);
    if (options.isQuiet) continue;
    if (message.stream !== undefined) {
      output.write(message.stream);
      drawn += message.stream.split("\n").length - 1;
    }
    if (message.status === undefined) continue;
    const bar = formatBar(message, isTerminal);
    if (bar === undefined) continue;
    const pace = bar === "" ? "" : formatPace(message, rates);
    const text = `${message.id === undefined ? "" : `${message.id}: `}${message.status}${bar}${pace}`;
    const known = isTerminal && message.id !== undefined ? lines.get(message.id) : undefined;
    if (known === undefined) {
      if (message.id !== undefined) lines.set(message.id, drawn);
      drawn++;
      output.write(`${text}\n`);
    } else {
      const up = drawn - known;
      output.write(`\x1b[${up}A\x1b[2K\r${text}\x1b[${up}B\r`);
    }
  }
}

/** Undefined for a message that only makes sense when it can be redrawn. */
function formatBar(message: ProgressMessage, isTerminal: boolean): string | undefined {
  const { current = 0, total = 0 } = message.progressDetail ?? {};
  if (current <= 0 && total <= 0) return "";
  if (!isTerminal) return undefined;
  const filled = total > 0 ? Math.min(50, Math.trunc((current / total) * 50)) : 0;
  const bar = total > 0 ? `[${`${"=".repeat(filled)}>`.padEnd(51).slice(0, 51)}] ` : "";
  const size = total > 0 ? `${formatSize(current)}/${formatSize(total)}` : formatSize(current);
  return ` ${bar} ${size}`;
}

/** Bytes a second and the time that is left, once both are known. */
function formatPace(
  { id = "", status, progressDetail }: ProgressMessage,
  rates: Map<string, TransferRate>,
): string {
  const { current = 0, total = 0 } = progressDetail ?? {};
  const key = `${id} ${status}`;
  const rate = rates.get(key) ?? createTransferRate();
  rates.set(key, rate);
  const bytesPerSecond = rate.note(current);
  if (bytesPerSecond === undefined) return "";
  const left = total > current ? `, ${formatLeft((total - current) / bytesPerSecond)} left` : "";
  return ` ${formatSize(bytesPerSecond, 3)}/s${left}`;
}

/** "8s", "3m20s", "2h5m". */
function formatLeft(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`;
}
