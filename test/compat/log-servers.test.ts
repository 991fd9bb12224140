import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FluentServer } from "@fluent-org/logger";
import { makeCertificate } from "../distribution/fixtures.ts";
import { eventually, useEngine } from "../engine.ts";
import { hasRsyslog, type Rsyslog, type SeenMessage, startRsyslog } from "./rsyslog.ts";

/** Lines that a form of syslog could spoil, and what is on standard error. */
const script = `echo plain; echo 'an "odd" \\ line: <13>1 [x y="z"] %s'; echo 'grüße ☃'; echo error >&2; head -c 3000 /dev/zero | tr '\\0' x; echo`;
const lines = ["plain", 'an "odd" \\ line: <13>1 [x y="z"] %s', "grüße ☃", "error", "x".repeat(3000)];

describe("logs to servers that others wrote: rsyslog", {
  skip: !hasRsyslog && "see scripts/unpack.sh",
}, () => {
  const { berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "bt-rsyslog-"));
  let server: Rsyslog;
  before(async () => {
    makeCertificate(folder);
    server = await startRsyslog(folder);
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs a container, and waits until the server has so many messages of it. */
  async function log(tag: string, driver: string, options: string[], count = lines.length, what = script) {
    const flags = options.flatMap((option) => ["--log-opt", option]);
    const run = ["run", "--name", tag, "--log-driver", driver, "--log-opt", `tag=${tag}`, ...flags];
    await berth(...run, "busybox", "sh", "-c", what);
    const seen = await eventually(
      () => server.seen().filter((one) => one.programname === tag || one["$!"]?._tag === tag),
      (found) => found.length >= count,
    );
    await berth("rm", tag);
    return seen;
  }

  const transports: [name: string, address: () => string, ...more: string[]][] = [
    ["udp", () => `udp://127.0.0.1:${server.udp}`],
    ["tcp", () => `tcp://127.0.0.1:${server.tcp}`],
    ["unix", () => `unix://${server.path}`],
    ["unixgram", () => `unixgram://${server.path}`],
    ["tls", () => `tcp+tls://127.0.0.1:${server.tls}`, `syslog-tls-ca-cert=${join(folder, "own.pem")}`],
  ];
  // On a machine's own socket rsyslog looks for no host name, which one of the forms has.
  for (const [name, address, ...more] of transports)
    for (const format of name.startsWith("unix")
      ? ["", "rfc5424"]
      : ["", "rfc3164", "rfc5424", "rfc5424micro"])
      it(`understands syslog over ${name}, ${format || "in the local form"}`, async () => {
        const form = format === "" ? [] : [`syslog-format=${format}`];
        const options = [`syslog-address=${address()}`, ...form, "syslog-facility=local3", ...more];
        const seen = await log(`t-${name}-${format || "local"}`, "syslog", options);
        assert.deepEqual(seen.map(textOf).map(shorten).toSorted(), lines.map(shorten).toSorted());
        for (const one of seen) {
          // local3; err or info.
          assert.equal(one.syslogfacility, "19");
          assert.equal(one.syslogseverity, textOf(one) === "error" ? "3" : "6");
          assert.match(one.procid, /^\d+$/);
          assert.equal(one["protocol-version"], format.startsWith("rfc5424") ? "1" : "0");
        }
      });

  it("misses no line when it is restarted meanwhile", async () => {
    const count = 300;
    const counting = `i=0; while [ $i -lt ${count} ]; do echo line$i; i=$((i+1)); sleep 0.01; done`;
    const all = Array.from({ length: count }, (_, n) => `line${n}`);
    const address = `syslog-address=tcp://127.0.0.1:${server.tcp}`;
    await berth(
      ...[
        "run",
        "-d",
        "--name",
        "counting",
        "--log-driver",
        "syslog",
        "--log-opt",
        address,
        "--log-opt",
        "tag=counting",
      ],
      ...["busybox", "sh", "-c", counting],
    );
    const received = () =>
      server
        .seen()
        .filter(({ programname }) => programname === "counting")
        .map(textOf);
    await eventually(received, (found) => found.length > 0);
    await server.stop();
    await server.start();
    await eventually(received, (found) => all.every((line) => found.includes(line)));
    await berth("rm", "-f", "counting");
  });

  for (const [transport, ...more] of [["tcp"], ["udp", "gelf-compression-type=none"]] as const)
    it(`finds GELF over ${transport} to be JSON with all that there is to say`, async () => {
      const port = transport === "tcp" ? server.gelfTcp : server.gelfUdp;
      const options = [`gelf-address=${transport}://127.0.0.1:${port}`, "labels=of", ...more];
      // Longer ones come in pieces over UDP, which are for a server that knows them.
      const short = `echo plain; echo '"odd" \\ line'; echo 'grüße ☃'; echo error >&2`;
      const seen = await log(`gelf-${transport}`, "gelf", options, 4, short);
      const texts = seen.map((one) => one["$!"]?.short_message);
      assert.deepEqual(texts.toSorted(), ['"odd" \\ line', "error", "grüße ☃", "plain"]);
      for (const { "$!": fields = {} } of seen) {
        assert.equal(fields.version, "1.1");
        assert.equal(fields.level, fields.short_message === "error" ? 3 : 6);
        assert.match(String(fields._container_id), /^[0-9a-f]{64}$/);
        assert.equal(fields._image_name, "busybox");
        assert.equal(typeof fields.timestamp, "number");
      }
    });
});

const textOf = ({ msg }: SeenMessage) => msg.replace(/^ /, "");

const shorten = (text: string) => (text.length > 100 ? `${text.length} signs` : text);

/** Of the Fluent organisation's own package; Debian has neither fluentd nor fluent-bit. */
class Fluentd extends FluentServer {
  readonly entries: { tag: string; record: Record<string, unknown> }[] = [];
  protected override onEntry(tag: string, _: unknown, record: Record<string, unknown>): void {
    this.entries.push({ tag, record });
  }
}

describe("logs to servers that others wrote: the Fluent organisation's", () => {
  const { berth } = useEngine();
  for (const ack of [false, true])
    it(`are entries ${ack ? "that it acknowledges" : "as they come"}`, async () => {
      const server = new Fluentd({ listenOptions: { port: 0, host: "127.0.0.1" } });
      await server.listen();
      const options = [
        `fluentd-address=127.0.0.1:${server.port}`,
        "tag=docker.{{.Name}}",
        `fluentd-request-ack=${ack}`,
      ];
      await berth(
        ...[
          "run",
          "--name",
          "fluent",
          "--log-driver",
          "fluentd",
          ...options.flatMap((one) => ["--log-opt", one]),
        ],
        ...["busybox", "sh", "-c", script],
      );
      await eventually(
        () => server.entries.length,
        (count) => count >= lines.length,
      );
      const texts = server.entries.map(({ record }) => shorten(String(record.log)));
      assert.deepEqual(texts.toSorted(), lines.map(shorten).toSorted());
      for (const { tag, record } of server.entries) {
        assert.equal(tag, "docker.fluent");
        assert.equal(record.container_name, "/fluent");
        assert.match(String(record.container_id), /^[0-9a-f]{64}$/);
        assert.equal(record.source, record.log === "error" ? "stderr" : "stdout");
      }
      assert.deepEqual(
        (await berth("logs", "fluent")).split("\n").filter((line) => line !== "error"),
        lines.filter((line) => line !== "error"),
      );
      await berth("rm", "fluent");
      await server.close();
    });
});
