import { randomBytes } from "node:crypto";
import { EngineError, invalid } from "../../errors.ts";
import type { LogEntry } from "../../formats/log-entry.ts";
import { encodeEventTime, encodeMessagePack, type Packable } from "../../formats/message-pack.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import { parseSize } from "../../formats/units.ts";
import type { ContainerRecord } from "../container.ts";
import { attributeOptions, checkAttributes, selectAttributes } from "../logs/attributes.ts";
import { type DriverOptions, readBool } from "../logs/file-options.ts";
import { formatTag } from "../logs/tag.ts";
import { type LogAddress, parseLogAddress } from "./address.ts";
import { type LogConnection, openStream } from "./connections.ts";
import { createPieces, type Piece } from "./pieces.ts";
import { lineText, type RemoteDriver } from "./remote.ts";

const defaultAddress = { scheme: "tcp", host: "127.0.0.1", port: 24224, path: "" };
const schemes = ["tcp", "tls", "unix"];

export const fluentd: RemoteDriver = {
  options: [
    ...["fluentd-address", "fluentd-async", "fluentd-async-reconnect-interval", "fluentd-buffer-limit"],
    ...["fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait", "fluentd-sub-second-precision"],
    ...["fluentd-write-timeout", ...attributeOptions],
  ],
  check(options) {
    readAddress(options);
    for (const [name, check] of Object.entries(checks)) if (options[name] !== undefined) check(options[name]);
    checkAttributes(options);
  },
  refuseOption: (name) => `unknown log opt '${name}' for fluentd log driver`,
  async connect(record, options) {
    const { scheme, host, port, path } = readAddress(options);
    const awaited: Awaited = {};
    const target = scheme === "unix" ? { path } : { host, port };
    const tls = scheme === "tls" ? {} : undefined;
    const connection = await openStream(target, tls, (bytes) => hear(awaited, bytes));
    connection.onLost((error) => awaited.reject?.(error));
    const describe = createDescriber(record, options);
    const tag = formatTag(record, options.tag || "{{.ID}}");
    const isAcknowledged = readBool(options["fluentd-request-ack"] || "false");
    return {
      ...connection,
      send: (entries) =>
        sendAll(connection, isAcknowledged ? awaited : undefined, tag, entries.map(describe)),
    };
  },
};

/** Some are for a connection that the process itself waits for, which none does here. */
const checks: Record<string, (text: string) => unknown> = {
  "fluentd-async": readBool,
  "fluentd-request-ack": readBool,
  "fluentd-sub-second-precision": readBool,
  "fluentd-buffer-limit": parseSize,
  "fluentd-max-retries"(text) {
    if (!/^\d+$/.test(text))
      throw invalid(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  },
  "fluentd-retry-wait": checkDuration,
  "fluentd-async-reconnect-interval": (text) =>
    saying("invalid value for fluentd-async-reconnect-interval", () => checkDuration(text)),
  "fluentd-write-timeout": (text) =>
    saying("invalid value for fluentd-write-timeout: value must be a duration", () => checkDuration(text)),
};

function checkDuration(text: string): void {
  if (/^\d+$/.test(text) && Number(text) !== 0)
    throw invalid(`time: missing unit in duration ${JSON.stringify(text)}`);
  if (!/^(0|([\d.]+(ns|us|µs|ms|s|m|h))+)$/.test(text))
    throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
}

function saying(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`${what}: ${error.message}`, error);
  }
}

function readAddress({ "fluentd-address": text = "" }: DriverOptions): LogAddress {
  if (text === "") return defaultAddress;
  let address: LogAddress | undefined;
  const full = text.includes("://") ? text : `tcp://${text}`;
  saying(`invalid fluentd-address (${text})`, () => {
    address = parseLogAddress(full);
    if (!schemes.includes(address.scheme)) throw invalid(`unsupported scheme: '${address.scheme}'`);
    if (address.scheme === "unix" && address.path === "") throw invalid("path is empty");
  });
  const { scheme, host, port, path } = address ?? defaultAddress;
  return { scheme, host: host || defaultAddress.host, port: port || defaultAddress.port, path };
}

/** The message that the other side has yet to acknowledge. */
interface Awaited {
  chunk?: string;
  resolve?: () => void;
  reject?: (error: Error) => void;
  /** The last that was said: an answer may come in two pieces. */
  said?: Buffer;
}

const longestAnswerBytes = 512;

/** An acknowledgement names its chunk, wherever in the map that is. */
function hear(awaited: Awaited, bytes: Buffer): void {
  awaited.said = Buffer.concat([awaited.said ?? Buffer.alloc(0), bytes]).subarray(-longestAnswerBytes);
  if (awaited.chunk && awaited.said.includes(awaited.chunk)) awaited.resolve?.();
}

/** One event for each entry, in their order. */
function createDescriber(record: ContainerRecord, options: DriverOptions): (entry: LogEntry) => Packable {
  const isPrecise = readBool(options["fluentd-sub-second-precision"] || "false");
  const common = {
    container_id: record.id,
    container_name: `/${record.name}`,
    ...selectAttributes(record, options),
  };
  const pieceOf = createPieces();
  return (entry) => {
    const time = parseTimestamp(entry.time) ?? Date.now();
    const line = { ...common, source: entry.stream, log: lineText(entry), ...describePiece(pieceOf(entry)) };
    return [isPrecise ? encodeEventTime(time) : Math.floor(time / 1000), line];
  };
}

function describePiece(piece: Piece | undefined): Record<string, string> {
  if (!piece) return {};
  return {
    partial_message: "true",
    partial_id: piece.id,
    partial_ordinal: String(piece.ordinal),
    partial_last: String(piece.isLast),
  };
}

/** @param awaited what hears of its acknowledgement, which is waited for; undefined for none */
async function sendAll(
  connection: LogConnection,
  awaited: Awaited | undefined,
  tag: string,
  events: Packable[],
): Promise<void> {
  if (!awaited) return connection.write(encodeMessagePack([tag, events]));
  const chunk = randomBytes(16).toString("base64");
  const heard = new Promise<void>((resolve, reject) => Object.assign(awaited, { chunk, resolve, reject }));
  // The connection's end fails it also while it is still being written.
  heard.catch(() => {});
  await connection.write(encodeMessagePack([tag, events, { chunk }]));
  await heard;
}
