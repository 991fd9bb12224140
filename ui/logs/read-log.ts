import { at } from "../api/call.ts";
import type { Failure } from "../api/failure.ts";
import { openStream } from "../api/stream.ts";
import { createFrameReader, type OutputName } from "./frames.ts";

export interface LogListener {
  onLine(stream: OutputName, time: string, text: string): void;
  onEnd(failure?: Failure): void;
}

const longestRest = 1 << 20;

/**
 * Follows a container's log from its last lines on.
 * @param after RFC 3339: what is older is not sent again; "" for all @returns what ends it
 */
export function readLog(id: string, tail: number, after: string, { onLine, onEnd }: LogListener): () => void {
  const outputs = { stdout: splitter("stdout", onLine), stderr: splitter("stderr", onLine) };
  const frames = createFrameReader((stream, bytes) => outputs[stream].push(bytes));
  let isRaw = false;
  const query = { stdout: true, stderr: true, follow: true, timestamps: true, tail, since: unixTime(after) };
  const stream = openStream(`/containers/${at(id)}/logs`, query, {
    onOpen(type) {
      isRaw = type === "application/vnd.docker.raw-stream";
    },
    onBytes: (bytes) => (isRaw ? outputs.stdout.push(bytes) : frames(bytes)),
    onEnd(failure) {
      for (const output of Object.values(outputs)) output.end();
      onEnd(failure);
    },
  });
  return () => stream.close();
}

/** Seconds since 1970 with all the decimals there are, as every engine reads them; undefined for no time. */
function unixTime(time: string): string | undefined {
  const seconds = Math.floor(Date.parse(time) / 1000);
  return Number.isNaN(seconds) ? undefined : `${seconds}${/\.\d+/.exec(time)?.[0] ?? ""}`;
}

/** Lines of one output. One that does not end for a megabyte is taken as it is. */
function splitter(stream: OutputName, onLine: LogListener["onLine"]) {
  const decoder = new TextDecoder();
  let rest = "";
  const give = (line: string) => {
    const [, time = "", text = line] =
      /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)) ?([\s\S]*)$/.exec(line) ?? [];
    onLine(stream, time, text.replace(/\r$/, ""));
  };
  return {
    push(bytes: Uint8Array) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) give(line);
      if (rest.length < longestRest) return;
      give(rest);
      rest = "";
    },
    end() {
      if (rest !== "") give(rest);
      rest = "";
    },
  };
}
