import { hostname } from "node:os";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { invalid } from "../../errors.ts";
import { chunkGelf, formatGelf } from "../../formats/gelf-message.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import type { ContainerRecord } from "../container.ts";
import { attributeOptions, checkAttributes, selectAttributes } from "../logs/attributes.ts";
import type { DriverOptions } from "../logs/file-options.ts";
import { formatTag } from "../logs/tag.ts";
import { type LogAddress, parseLogAddress } from "./address.ts";
import { openDatagrams, openStream } from "./connections.ts";
import { lineText, type RemoteDriver, severityOf, shortTagLength } from "./remote.ts";

const packers = {
  gzip: promisify<Buffer, object, Buffer>(gzip),
  zlib: promisify<Buffer, object, Buffer>(deflate),
  none: undefined,
} as const;

export const gelf: RemoteDriver = {
  options: [
    ...["gelf-address", "gelf-compression-level", "gelf-compression-type"],
    ...["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"],
    ...attributeOptions,
  ],
  check(options) {
    const { scheme } = readAddress(options);
    checkCompression(options, scheme);
    for (const name of ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"]) {
      if (options[name] === undefined) continue;
      if (scheme === "udp") throw invalid(`${JSON.stringify(name)} is only valid for TCP`);
      if (!/^\d+$/.test(options[name])) throw invalid(`${JSON.stringify(name)} must be a positive integer`);
    }
    checkAttributes(options);
  },
  refuseOption: (name) => `unknown log opt ${JSON.stringify(name)} for gelf log driver`,
  async connect(record, options, onCut = () => {}) {
    const { scheme, host, port } = readAddress(options);
    const isTcp = scheme === "tcp";
    const connection = isTcp ? await openStream({ host, port }, undefined) : await openDatagrams(host, port);
    const own = describeContainer(record, options);
    const fields = { ...own, ...selectAttributes(record, options) };
    const forms = [fields, shorten(own)];
    const pack = packerOf(options);
    const sendInChunks = async (format: (fields: Record<string, string>) => string) => {
      for (const [index, form] of forms.entries()) {
        const chunks = chunkGelf(await pack(Buffer.from(format(form))));
        for (const chunk of chunks) await connection.write(chunk);
        if (chunks.length > 0) return;
        if (index === 0) onCut();
      }
    };
    return {
      ...connection,
      async send(entries) {
        for (const entry of entries) {
          const time = parseTimestamp(entry.time) ?? Date.now();
          const line = { host: hostname(), text: lineText(entry), time, level: severityOf(entry) };
          const format = (some: Record<string, string>) => formatGelf({ ...line, fields: some });
          if (isTcp) await connection.write(`${format(fields)}\0`);
          else await sendInChunks(format);
        }
      },
    };
  },
};

function readAddress({ "gelf-address": text = "" }: DriverOptions): LogAddress {
  if (text === "") throw invalid("gelf-address is a required parameter");
  const address = parseLogAddress(text);
  if (address.scheme !== "tcp" && address.scheme !== "udp")
    throw invalid("gelf: endpoint needs to be TCP or UDP");
  if (address.host === "" || address.port === 0)
    throw invalid("gelf: please provide gelf-address as proto://host:port");
  return address;
}

function checkCompression(options: DriverOptions, scheme: string): void {
  for (const [name, isKnown] of [
    ["gelf-compression-type", (text: string) => Object.hasOwn(packers, text)],
    ["gelf-compression-level", (text: string) => /^(-1|[0-9])$/.test(text)],
  ] as const) {
    const text = options[name];
    if (text === undefined) continue;
    if (scheme !== "udp") throw invalid("compression is only supported on UDP");
    if (!isKnown(text))
      throw invalid(`unknown value ${JSON.stringify(text)} for log opt "${name}" for gelf log driver`);
  }
}

function describeContainer(record: ContainerRecord, options: DriverOptions): Record<string, string> {
  const { id, name, args, created, imageId, config } = record;
  return {
    container_id: id,
    container_name: name,
    image_id: imageId,
    image_name: config.Image,
    command: args.join(" "),
    tag: formatTag(record, options.tag || "{{.ID}}"),
    created,
  };
}

/** What a container has of these may have any length. */
const shorten = (fields: Record<string, string>) =>
  Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, text.slice(0, shortTagLength)]));

function packerOf(options: DriverOptions): (bytes: Buffer) => Buffer | Promise<Buffer> {
  const pack = packers[(options["gelf-compression-type"] ?? "gzip") as keyof typeof packers];
  const level = Number(options["gelf-compression-level"] ?? 1);
  return pack ? (bytes) => pack(bytes, { level }) : (bytes) => bytes;
}
