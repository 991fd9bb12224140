import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../engine.ts";
import { findFreePort } from "../free-port.ts";

const unpacked = join(import.meta.dirname, "../../.tools/rsyslog/root");
const libraries = join(unpacked, "usr/lib/x86_64-linux-gnu");

export const hasRsyslog = existsSync(join(unpacked, "usr/sbin/rsyslogd"));

/** A message as rsyslog has understood it. */
export interface SeenMessage {
  msg: string;
  hostname: string;
  programname: string;
  "app-name": string;
  procid: string;
  "protocol-version": string;
  syslogfacility: string;
  syslogseverity: string;
  timereported: string;
  /** What was in a JSON message. */
  "$!"?: Record<string, unknown>;
}

export interface Rsyslog {
  udp: number;
  tcp: number;
  tls: number;
  /** NUL ends a message there, and each is JSON: GELF. */
  gelfTcp: number;
  gelfUdp: number;
  path: string;
  seen(): SeenMessage[];
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

/** Debian's rsyslogd, with all it takes messages by. @param certificate files in the folder: own.pem, own.key */
export async function startRsyslog(folder: string): Promise<Rsyslog> {
  const [udp, tcp, tls, gelfTcp, gelfUdp] = await Promise.all(Array.from({ length: 5 }, findFreePort));
  const path = join(folder, "log.sock");
  const [output, config] = [join(folder, "seen"), join(folder, "rsyslog.conf")];
  const here = 'address="127.0.0.1"';
  writeFileSync(output, "");
  writeFileSync(
    config,
    `global(workDirectory="${folder}" maxMessageSize="64k" net.enableDNS="off"
  defaultNetstreamDriverCAFile="${folder}/own.pem" defaultNetstreamDriverCertFile="${folder}/own.pem" defaultNetstreamDriverKeyFile="${folder}/own.key")
module(load="imudp") module(load="imptcp") module(load="imtcp") module(load="imuxsock" SysSock.Use="off") module(load="mmjsonparse")
template(name="json" type="list") { property(name="jsonmesg") constant(value="\\n") }
ruleset(name="plain") { action(type="omfile" file="${output}" template="json") }
ruleset(name="gelf") { action(type="mmjsonparse" cookie="" useRawMsg="on") action(type="omfile" file="${output}" template="json") }
input(type="imudp" port="${udp}" ${here} ruleset="plain")
input(type="imudp" port="${gelfUdp}" ${here} ruleset="gelf")
input(type="imptcp" port="${tcp}" ${here} ruleset="plain")
input(type="imptcp" port="${gelfTcp}" ${here} ruleset="gelf" addtlFrameDelimiter="0" supportOctetCountedFraming="off")
input(type="imtcp" port="${tls}" ${here} ruleset="plain" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imuxsock" socket="${path}" ruleset="plain" useSpecialParser="off" parseHostname="off")
`,
  );
  let child: ChildProcess | undefined;
  let said = "";
  async function start(): Promise<void> {
    const words = ["-n", "-f", config, "-i", join(folder, "pid"), "-M", join(libraries, "rsyslog")];
    child = spawn(join(unpacked, "usr/sbin/rsyslogd"), words, {
      env: { ...process.env, LD_LIBRARY_PATH: libraries },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    await eventually(
      () => existsSync(path) || child?.exitCode !== null,
      (isSettled) => isSettled,
    );
    if (child.exitCode !== null) throw new Error(`rsyslogd has ended: ${said}`);
  }
  async function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  await start();
  const ports = { udp, tcp, tls, gelfTcp, gelfUdp } as Record<
    "udp" | "tcp" | "tls" | "gelfTcp" | "gelfUdp",
    number
  >;
  return {
    ...ports,
    path,
    seen: () =>
      readFileSync(output, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    stop,
    start,
  };
}
