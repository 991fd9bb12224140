import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import dns from "node:dns/promises";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { type AddressInfo, createServer, type Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, mock } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { gunzipSync, inflateSync } from "node:zlib";
import type { ContainerRecord } from "../../src/containers/container.ts";
import { checkLogConfig } from "../../src/containers/logs/drivers.ts";
import { createCursor, type LogPlace } from "../../src/containers/shipping/cursor.ts";
import { remoteDrivers } from "../../src/containers/shipping/drivers.ts";
import { openJournal } from "../../src/containers/shipping/journald.ts";
import type { LogEntry } from "../../src/formats/log-entry.ts";
import { formatTimestamp } from "../../src/formats/timestamp.ts";
import { LogFile } from "../../src/supervisor/log-file.ts";
import { eventually } from "../engine.ts";
import { receiveDatagrams } from "../path-datagrams.ts";

const folder = mkdtempSync(join(tmpdir(), "bt-ship-"));
after(() => rmSync(folder, { recursive: true }));

const id = "abcdef012345".repeat(6).slice(0, 64);
const record = {
  id,
  name: "web",
  created: "2026-11-29T12:00:00.000000000Z",
  args: ["sh", "-c", "echo"],
  imageId: `sha256:${"1".repeat(64)}`,
  config: { Image: "busybox", Env: ["FOO=bar", "OTHER=x"], Labels: { lab: "val" } },
} as unknown as ContainerRecord;
const at = new Date(2026, 10, 9, 12, 9, 17).getTime() + 123.456;
const entry = (log: string, stream: LogEntry["stream"] = "stdout"): LogEntry => ({
  log,
  stream,
  time: formatTimestamp(at),
});
const both = [entry("hello\n"), entry("err\n", "stderr")];
const utc = new Date(at).toISOString().slice(0, 19);

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** What a server on TCP gets of these entries. */
async function sendTcp(driver: string, optionsOf: (port: number) => Record<string, string>, entries = both) {
  const received: string[] = [];
  const server = createServer((socket) =>
    socket.on("data", (bytes) => received.push(bytes.toString("latin1"))),
  );
  const port = await listen(server);
  const remote = await remoteDrivers.get(driver)!.connect(record, optionsOf(port));
  await remote.send(entries);
  await remote.end();
  remote.close();
  await new Promise((resolve) => server.close(resolve));
  return received.join("");
}

async function sendUdp(driver: string, optionsOf: (port: number) => Record<string, string>, entries = both) {
  const received: Buffer[] = [];
  const socket = createSocket("udp4").on("message", (message) => received.push(message));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const remote = await remoteDrivers.get(driver)!.connect(record, optionsOf(socket.address().port));
  await remote.send(entries);
  await eventually(
    () => received.length,
    (count) => count >= entries.length,
  );
  remote.close();
  socket.close();
  return received;
}

describe("a log is sent on as Docker's driver does it", () => {
  it("by syslog over TCP, in each form", async () => {
    const short = id.slice(0, 12);
    const host = hostname();
    const pid = process.pid;
    for (const [format, expected] of [
      ["", [`<30>Nov  9 12:09:17 ${short}[${pid}]: hello`, `<27>Nov  9 12:09:17 ${short}[${pid}]: err`]],
      [
        "rfc3164",
        [
          `<30>Nov  9 12:09:17 ${host} ${short}[${pid}]: hello`,
          `<27>Nov  9 12:09:17 ${host} ${short}[${pid}]: err`,
        ],
      ],
      [
        "rfc5424",
        [
          `<30>1 ${utc}Z ${host} ${short} ${pid} ${short} - hello`,
          `<27>1 ${utc}Z ${host} ${short} ${pid} ${short} - err`,
        ],
      ],
      [
        "rfc5424micro",
        [
          `<30>1 ${utc}.123456Z ${host} ${short} ${pid} ${short} - hello`,
          `<27>1 ${utc}.123456Z ${host} ${short} ${pid} ${short} - err`,
        ],
      ],
    ] as const) {
      const options = (port: number) => ({
        "syslog-address": `tcp://127.0.0.1:${port}`,
        "syslog-format": format,
      });
      assert.equal(await sendTcp("syslog", options), expected.map((line) => `${line}\n`).join(""), format);
    }
  });

  it("by syslog over TLS, to a server that is who it says", async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        ...[
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-days",
          "2",
        ],
        ...[
          "-subj",
          "/CN=localhost",
          "-addext",
          "subjectAltName=DNS:localhost,IP:127.0.0.1",
          "-keyout",
          key,
          "-out",
          cert,
        ],
      ],
      { stdio: "ignore" },
    );
    const received: string[] = [];
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) =>
      socket.on("data", (bytes) => received.push(String(bytes))).on("error", () => {}),
    );
    const port = await listen(server);
    const options = { "syslog-address": `tcp+tls://localhost:${port}`, "syslog-format": "rfc5424", tag: "t" };
    const byAddress = { "syslog-address": `tcp+tls://127.0.0.1:${port}`, "syslog-tls-ca-cert": cert };
    const send = async (more: Record<string, string>) => {
      const remote = await remoteDrivers.get("syslog")!.connect(record, { ...options, ...more });
      await remote.send([entry("secret\n")]);
      await remote.end();
      remote.close();
    };
    const line = `<30>1 ${utc}Z ${hostname()} t ${process.pid} t - secret\n`;
    await send({ "syslog-tls-ca-cert": cert });
    await send({ "syslog-tls-skip-verify": "true" });
    await send(byAddress);
    await eventually(
      () => received.join(""),
      (text) => text === `${line.length} ${line}`.repeat(3),
    );
    // Another address of the same machine, which the certificate does not name.
    const other = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.2", resolve));
    const another = `tcp+tls://127.0.0.2:${(other.address() as AddressInfo).port}`;
    await assert.rejects(
      send({ ...byAddress, "syslog-address": another }),
      /127\.0\.0\.2 is not in the cert/,
    );
    await new Promise((resolve) => other.close(resolve));
    await assert.rejects(send({}), /self.signed certificate/);
    assert.equal(received.join("").length, `${line.length} ${line}`.length * 3);
    await new Promise((resolve) => server.close(resolve));
  });

  it("by syslog over UDP and to a path, with a tag and a facility", async () => {
    const named = { tag: "{{.ImageName}}/{{.Name}}/{{.ID}}", "syslog-facility": "local3" };
    const expected = ["<158>", "<155>"].map(
      (priority, n) =>
        `${priority}Nov  9 12:09:17 busybox/web/${id.slice(0, 12)}[${process.pid}]: ${["hello", "err"][n]}\n`,
    );
    const datagrams = await sendUdp("syslog", (port) => ({
      "syslog-address": `udp://127.0.0.1:${port}`,
      ...named,
    }));
    assert.deepEqual(datagrams.map(String), expected);
    for (const scheme of ["unix", "unixgram"]) {
      const path = join(folder, `${scheme}.sock`);
      const receiver = receiveDatagrams(path);
      const remote = await remoteDrivers
        .get("syslog")!
        .connect(record, { "syslog-address": `${scheme}://${path}`, ...named });
      await remote.send(both);
      assert.deepEqual(receiver.drain().map(String), expected);
      // More than its queue holds waits, and is not lost.
      const many = Array.from({ length: 100 }, (_, n) => entry(`${n}\n`));
      let sent = false;
      void remote.send(many).then(() => (sent = true));
      const got: string[] = [];
      await eventually(
        () => got.push(...receiver.drain().map(String)),
        () => sent && got.length >= many.length,
      );
      assert.deepEqual(
        got.map((line) => line.replace(/^.*: /s, "").trim()),
        many.map(({ log }) => log.trim()),
      );
      remote.close();
      receiver.close();
    }
  });

  it("by GELF over TCP and UDP, packed and in pieces", async () => {
    const chosen = { env: "FOO", labels: "lab" };
    const message = (text: string, level: number) => ({
      version: "1.1",
      host: hostname(),
      short_message: text,
      timestamp: Math.floor(at) / 1000,
      level,
      _FOO: "bar",
      _command: "sh -c echo",
      _container_id: id,
      _container_name: "web",
      _created: record.created,
      _image_id: record.imageId,
      _image_name: "busybox",
      _lab: "val",
      _tag: id.slice(0, 12),
    });
    const expected = [message("hello", 6), message("err", 3)];
    const text = await sendTcp("gelf", (port) => ({ "gelf-address": `tcp://127.0.0.1:${port}`, ...chosen }));
    assert.deepEqual(
      text
        .split("\0")
        .filter(Boolean)
        .map((one) => JSON.parse(one)),
      expected,
    );
    for (const [type, unpack] of [
      [undefined, gunzipSync],
      ["zlib", inflateSync],
      ["none", (bytes: Buffer) => Buffer.from(bytes)],
    ] as [string | undefined, (bytes: Buffer) => Buffer][]) {
      const received: Buffer[] = await sendUdp("gelf", (port) => ({
        "gelf-address": `udp://127.0.0.1:${port}`,
        ...chosen,
        ...(type && { "gelf-compression-type": type }),
      }));
      assert.deepEqual(
        received.map((bytes) => JSON.parse(String(unpack(bytes)))),
        expected,
      );
    }
    const long = "x".repeat(5000);
    const pieces = await sendUdp(
      "gelf",
      (port) => ({ "gelf-address": `udp://127.0.0.1:${port}`, "gelf-compression-type": "none" }),
      Array.from({ length: 1 }, () => entry(`${long}\n`)),
    );
    const [first] = pieces;
    assert.deepEqual([first?.[0], first?.[1], first?.[10], first?.[11]], [0x1e, 0x0f, 0, 4]);
  });

  it("by GELF without attributes and with less of its command where it is more than 128 pieces", async () => {
    const received: Buffer[] = [];
    const socket = createSocket("udp4").on("message", (message) => received.push(message));
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const large = {
      ...record,
      args: ["sh", "-c", "y".repeat(100_000)],
      config: { ...record.config, Labels: { lab: randomBytes(200_000).toString("hex") } },
    };
    const options = { "gelf-address": `udp://127.0.0.1:${socket.address().port}`, labels: "lab" };
    let cuts = 0;
    const remote = await remoteDrivers.get("gelf")!.connect(large, options, () => cuts++);
    await remote.send([entry("hello\n")]);
    await eventually(
      () => received.length,
      (length) => length > 0,
    );
    remote.close();
    socket.close();
    assert.equal(received.length, 1);
    const { short_message, _container_id, _lab, _command } = JSON.parse(String(gunzipSync(received[0]!)));
    assert.deepEqual([short_message, _container_id, _lab, _command.length], ["hello", id, undefined, 1024]);
    assert.equal(cuts, 1);
  });

  it("never over UDP to a name that is unknown, and to one that has only an address of IPv6", async () => {
    const connect = (address: string) =>
      remoteDrivers.get("gelf")!.connect(record, { "gelf-address": `udp://${address}` });
    await assert.rejects(connect("name.invalid:12201"), { code: /^(ENOTFOUND|EAI_AGAIN)$/ });
    const lookup = mock.method(dns, "lookup", async () => ({ address: "::1", family: 6 }));
    syncBuiltinESMExports();
    const received: Buffer[] = [];
    const socket = createSocket("udp6").on("message", (message) => received.push(message));
    socket.bind(0, "::1");
    await once(socket, "listening");
    const remote = await connect(`name.invalid:${socket.address().port}`);
    lookup.mock.restore();
    syncBuiltinESMExports();
    await remote.send([entry("hello\n")]);
    await eventually(
      () => received.length,
      (length) => length > 0,
    );
    remote.close();
    socket.close();
  });

  it("to Fluentd, which acknowledges what it has", async () => {
    const asked: Buffer[] = [];
    const server = createServer((socket) =>
      socket.on("data", (bytes) => {
        asked.push(Buffer.from(bytes));
        const chunk = /chunk\xb8(.{24})/s.exec(bytes.toString("latin1"))?.[1] ?? "";
        // In two pieces, as a network may deliver it.
        const answer = Buffer.concat([
          Buffer.from([0x81, 0xa3]),
          Buffer.from("ack"),
          Buffer.from([0xb8]),
          Buffer.from(chunk),
        ]);
        socket.write(answer.subarray(0, 12), () => socket.write(answer.subarray(12)));
      }),
    );
    const port = await listen(server);
    const options = {
      "fluentd-address": `127.0.0.1:${port}`,
      "fluentd-request-ack": "true",
      tag: "docker.x",
      env: "FOO",
    };
    const remote = await remoteDrivers.get("fluentd")!.connect(record, options);
    await remote.send(both);
    const text = Buffer.concat(asked).toString("latin1");
    assert.match(text, /^\x93\xa8docker\.x\x92\x92\xce.{4}\x85\xaccontainer_id\xdb\0\0\0@/s);
    for (const part of [
      /\xaecontainer_name\xa4\/web/,
      /\xa3FOO\xa3bar/,
      /\xa6source\xa6stderr\xa3log\xa3err/,
    ])
      assert.match(text, part);
    asked.length = 0;
    const pieces = ["x", "y", "z\n"].map((log) => entry(log));
    await remote.send([...pieces.slice(0, 2), entry("whole\n", "stderr")]);
    await remote.send([...pieces.slice(2), ...both]);
    const marked = [
      ...Buffer.concat(asked)
        .toString("latin1")
        .matchAll(
          /\xa3log(.{2})\xafpartial_message\xa4true\xaapartial_id\xdb\0\0\0@([0-9a-f]{64})\xafpartial_ordinal(..)\xacpartial_last(\xa5false|\xa4true)/gs,
        ),
    ];
    const line = marked[0]?.[2];
    assert.deepEqual(
      marked.map((match) => match.slice(1)),
      [
        ["\xa1x", line, "\xa11", "\xa5false"],
        ["\xa1y", line, "\xa12", "\xa5false"],
        ["\xa1z", line, "\xa13", "\xa4true"],
      ],
    );
    // One that goes without an answer has not taken it.
    server.removeAllListeners("connection");
    server.on("connection", (socket) => socket.once("data", () => socket.destroy()));
    const second = await remoteDrivers.get("fluentd")!.connect(record, options);
    await assert.rejects(second.send(both));
    remote.close();
    second.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it("in a shorter form where it is too large for a datagram", async () => {
    const path = join(folder, "short.sock");
    const receiver = receiveDatagrams(path);
    const large = { ...record, config: { ...record.config, Labels: { lab: "x".repeat(1 << 20) } } };
    let cuts = 0;
    const journal = openJournal(path, large, { labels: "lab", tag: "y".repeat(1 << 20) }, () => cuts++);
    await journal.send(both);
    const fields = receiver.drain().map((bytes) => bytes.toString("latin1").split("\n"));
    journal.close();
    assert.deepEqual(
      fields.map((one) => one.filter((line) => /^(MESSAGE|CONTAINER_NAME|LAB)=/.test(line)).sort()),
      ["hello", "err"].map((text) => ["CONTAINER_NAME=web", `MESSAGE=${text}`]),
    );
    const tag = "y".repeat(1 << 20);
    const toPath = await remoteDrivers
      .get("syslog")!
      .connect(record, { "syslog-address": `unixgram://${path}`, tag }, () => cuts++);
    await toPath.send(both);
    toPath.close();
    const overUdp = await sendUdp("syslog", (port) => ({ "syslog-address": `udp://127.0.0.1:${port}`, tag }));
    for (const lines of [receiver.drain(), overUdp]) {
      const texts = lines.map(String);
      assert.equal(texts.length, 2);
      assert.match(texts[0] ?? "", / y{1000,}\[\d+\]: hello/);
      assert.match(texts[1] ?? "", / y{1000,}\[\d+\]: err/);
    }
    assert.equal(cuts, 4);
    receiver.close();
  });

  it("to the journal", async () => {
    const path = join(folder, "journal.sock");
    const receiver = receiveDatagrams(path);
    const remote = openJournal(path, record, { labels: "lab", tag: "t" });
    await remote.send([entry("two\nlines"), ...both]);
    const [first = "", second = "", third = ""] = receiver.drain().map((bytes) => bytes.toString("latin1"));
    assert.match(first, /MESSAGE\n\t\0{7}two\nlines\n/);
    assert.match(first, /CONTAINER_PARTIAL_MESSAGE=true\n/);
    for (const line of [
      "LAB=val",
      `CONTAINER_ID_FULL=${id}`,
      "CONTAINER_NAME=web",
      "CONTAINER_TAG=t",
      "PRIORITY=6",
      "MESSAGE=hello",
    ])
      assert.ok(second.split("\n").includes(line), `${line} in ${second}`);
    assert.ok(third.split("\n").includes("PRIORITY=3"));
    const field = (message: string, name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(message)?.[1];
    const epoch = field(first, "CONTAINER_LOG_EPOCH");
    assert.match(epoch ?? "", /^[0-9a-f]{64}$/);
    const partial = ["ORDINAL", "LAST", "MESSAGE"].map((name) => `CONTAINER_PARTIAL_${name}`);
    const names = ["CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL", ...partial];
    const line = field(first, "CONTAINER_PARTIAL_ID");
    assert.match(line ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(
      [first, second, third].map((message) => names.map((name) => field(message, name))),
      [
        [epoch, "1", "1", "false", "true"],
        [epoch, "2", "2", "true", undefined],
        [epoch, "3", undefined, undefined, undefined],
      ],
    );
    assert.equal(field(second, "CONTAINER_PARTIAL_ID"), line);
    const again = openJournal(path, record, {});
    await again.send(both.slice(0, 1));
    const other = String(receiver.drain()[0]);
    assert.equal(field(other, "CONTAINER_LOG_ORDINAL"), "1");
    assert.notEqual(field(other, "CONTAINER_LOG_EPOCH"), epoch);
    again.close();
    remote.close();
    receiver.close();
  });
});

describe("a log's driver", () => {
  it("takes what Docker's takes, and refuses the rest in its words", () => {
    const rows = readFileSync(new URL("log-options.txt", import.meta.url), "utf8")
      .trim()
      .split("\n");
    assert.ok(rows.length > 40);
    for (const row of rows) {
      const [given = "", words = ""] = row.split(" -> ");
      const [Type = "", ...options] = given.split(" ");
      const Config = Object.fromEntries(
        options
          .filter(Boolean)
          .map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]),
      );
      let said = "";
      try {
        checkLogConfig({ Type, Config });
      } catch (error) {
        said = (error as Error).message;
      }
      assert.equal(said, words, row);
    }
  });
});

describe("a place in a log", () => {
  /** Of files that all begin with the same text. */
  const common = "x".repeat(300);
  const open = (name: string, maxSizeBytes: number) => {
    mkdirSync(join(folder, name));
    const path = join(folder, name, "container.log");
    return { path, log: new LogFile({ path, maxSizeBytes, maxFiles: 100, compress: true }) };
  };
  /** Reads on to the end. @returns the numbers at the ends of the lines */
  async function readOn(path: string, from: LogPlace) {
    const numbers: number[] = [];
    let place = from;
    const cursor = createCursor(path, from);
    for (let block = await cursor.next(); block; block = await cursor.next()) {
      numbers.push(...block.entries.map(({ log: line }) => Number(/\d+/.exec(line))));
      place = block.place;
    }
    await cursor.close();
    return { numbers, place };
  }

  for (const start of ["", common])
    it(`stays where it was, whatever becomes of the file's name (${start.length} bytes in common)`, async () => {
      const { path, log } = open(`place-${start.length}`, 5000 + 60 * start.length);
      let place: LogPlace = { head: "", offset: 0 };
      const seen: number[] = [];
      for (let n = 0; n < 1000; n++) {
        log.append("stdout", Buffer.from(`${start}${n}\n`));
        if (n % 37 !== 0) continue;
        await log.whenWritten();
        // A reader of its own each time, as after a restart; some come late, when files have been compressed.
        if (n % 111 !== 0) continue;
        const { numbers, place: next } = await readOn(path, place);
        seen.push(...numbers);
        place = next;
      }
      await log.end();
      seen.push(...(await readOn(path, place)).numbers);
      assert.deepEqual(
        seen,
        Array.from({ length: 1000 }, (_, n) => n),
      );
    });

  it("that an earlier version noted is found again, and where it may be in several files nothing is left out", async () => {
    const { path, log } = open("earlier", 3000);
    for (let n = 0; n < 30; n++)
      log.append("stdout", Buffer.from(n < 20 ? `${common}${n}\n` : `${n}${"y".repeat(300)}\n`));
    await log.end();
    const text = readFileSync(path, "utf8");
    const head = (line: string) => createHash("sha256").update(line.slice(0, 256)).digest("base64url");
    const own = { head: head(text), offset: text.indexOf("\n") + 1 };
    const { numbers, place } = await readOn(path, own);
    assert.equal(numbers.length, text.split("\n").length - 2);
    assert.equal(numbers.at(-1), 29);
    assert.deepEqual((await readOn(path, place)).numbers, []);
    const of = { head: head(`{"log":"${common}`), offset: 1000 };
    const all = Array.from({ length: 30 }, (_, n) => n);
    assert.deepEqual((await readOn(path, of)).numbers, all);
  });

  it("is waited at without touching a file, however often the log has been rotated and compressed", async () => {
    mkdirSync(join(folder, "still"));
    const path = join(folder, "still", "container.log");
    const log = new LogFile({ path, maxSizeBytes: 5000, maxFiles: 5, compress: true });
    for (let n = 0; n < 300; n++) {
      log.append("stdout", Buffer.from(`${n}\n`));
      await log.whenWritten();
    }
    await log.end();
    const cursor = createCursor(path, { head: "", offset: 0 });
    for (let block = await cursor.next(); block; block = await cursor.next());
    const touched: unknown[] = [];
    const watcher = watch(join(folder, "still"), (_, name) => touched.push(name));
    for (let look = 0; look < 5; look++) assert.equal(await cursor.next(), undefined);
    writeFileSync(join(folder, "still", "last"), "");
    await eventually(
      () => touched,
      (names) => names.includes("last"),
    );
    watcher.close();
    await cursor.close();
    assert.deepEqual(new Set(touched), new Set(["last"]));
  });
});
