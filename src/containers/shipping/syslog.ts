import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { invalid, unavailable } from "../../errors.ts";
import { facilities, formatSyslog, frameSyslog, type SyslogFormat } from "../../formats/syslog-message.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import type { ContainerRecord } from "../container.ts";
import { attributeOptions, checkAttributes } from "../logs/attributes.ts";
import type { DriverOptions } from "../logs/file-options.ts";
import { formatTag } from "../logs/tag.ts";
import { checkSocketPath, type LogAddress, parseLogAddress } from "./address.ts";
import {
  type LogConnection,
  openDatagrams,
  openPathDatagrams,
  openStream,
  writeFitting,
} from "./connections.ts";
import { type LogRemote, lineText, type RemoteDriver, severityOf, shortTagLength } from "./remote.ts";

const schemes = ["tcp", "udp", "tcp+tls", "unix", "unixgram"];
const formats = ["", "rfc3164", "rfc5424", "rfc5424micro"];
const defaultPort = 514;
const daemonFacility = 3;
/** Where a machine's own syslog may listen. */
const localPaths = ["/dev/log", "/var/run/syslog", "/var/run/log"];

export const syslog: RemoteDriver = {
  options: [
    ...["syslog-address", "syslog-facility", "syslog-format"],
    ...["syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify"],
    ...attributeOptions,
  ],
  check(options) {
    readAddress(options);
    readFacility(options);
    if (!formats.includes(options["syslog-format"] ?? "")) throw invalid("Invalid syslog format");
    checkAttributes(options);
  },
  refuseOption: (name) => `unknown log opt '${name}' for syslog log driver`,
  async connect(record, options, onCut = () => {}) {
    const address = readAddress(options);
    const isFramed = address?.scheme === "tcp+tls";
    return sendOver(await open(address, options), record, options, { isFramed, onCut });
  },
};

/** @returns undefined for the machine's own */
function readAddress(options: DriverOptions): LogAddress | undefined {
  const { "syslog-address": text = "" } = options;
  if (text === "") return undefined;
  const address = parseLogAddress(text);
  if (!schemes.includes(address.scheme)) throw invalid(`unsupported scheme: '${address.scheme}'`);
  if (address.path) checkSocketPath(address.path);
  return address;
}

function readFacility({ "syslog-facility": text = "" }: DriverOptions): number {
  if (text === "") return daemonFacility;
  const number = /^\d+$/.test(text) ? Number(text) : facilities.indexOf(text);
  if (number < 0 || number >= facilities.length) throw invalid("invalid syslog facility");
  return number;
}

async function open(address: LogAddress | undefined, options: DriverOptions): Promise<LogConnection> {
  if (!address) return openLocal();
  const { scheme, host, path } = address;
  const port = address.port || defaultPort;
  if (scheme === "udp") return openDatagrams(host, port);
  if (scheme === "unixgram") return openPathDatagrams(path);
  if (scheme === "unix") return openPath(path);
  return openStream({ host, port }, scheme === "tcp+tls" ? await readTls(options) : undefined);
}

/** Datagrams where the path takes them, else a stream. */
async function openPath(path: string): Promise<LogConnection> {
  try {
    return openPathDatagrams(path);
  } catch {
    return openStream({ path }, undefined);
  }
}

async function openLocal(): Promise<LogConnection> {
  for (const path of localPaths) {
    try {
      return await openPath(path);
    } catch {
      // The next, perhaps.
    }
  }
  throw unavailable("Unix syslog delivery error");
}

async function readTls(options: DriverOptions): Promise<ConnectionOptions> {
  const read = async (name: string) => (options[name] ? { [name]: await readFile(options[name]) } : {});
  const files = Object.assign(
    {},
    ...(await Promise.all(["syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key"].map(read))),
  ) as Record<string, Buffer>;
  const [ca, cert, key] = ["ca-cert", "cert", "key"].map((name) => files[`syslog-tls-${name}`]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    // As in Docker, whatever it says.
    rejectUnauthorized: !options["syslog-tls-skip-verify"],
  };
}

function sendOver(
  connection: LogConnection,
  record: ContainerRecord,
  options: DriverOptions,
  { isFramed, onCut }: { isFramed: boolean; onCut: () => void },
): LogRemote {
  const format = (options["syslog-format"] ?? "") as SyslogFormat;
  const common = {
    facility: readFacility(options),
    hostname: hostname(),
    pid: process.pid,
  };
  const tag = formatTag(record, options.tag || "{{.ID}}");
  const hasFrames = isFramed && format.startsWith("rfc5424");
  return {
    ...connection,
    async send(entries) {
      for (const entry of entries) {
        const time = parseTimestamp(entry.time) ?? Date.now();
        const own = { severity: severityOf(entry), time, text: lineText(entry) };
        const forms = [tag, tag.slice(0, shortTagLength)].map((some) => () => {
          const line = formatSyslog(format, { ...common, ...own, tag: some });
          return hasFrames ? frameSyslog(line) : line;
        });
        await writeFitting(connection, forms, onCut);
      }
    },
  };
}
