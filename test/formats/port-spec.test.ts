import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExposeSpec, parsePortSpec } from "../../src/formats/port-spec.ts";

const flat = (text: string) =>
  parsePortSpec(text).map(({ port, binding }) => `${binding.HostIp}|${binding.HostPort}|${port}`);

test("every form of -p is understood", () => {
  assert.deepEqual(flat("80"), ["||80/tcp"]);
  assert.deepEqual(flat("8080:80"), ["|8080|80/tcp"]);
  assert.deepEqual(flat("8080:80/UDP"), ["|8080|80/udp"]);
  assert.deepEqual(flat("127.0.0.1:8080:80"), ["127.0.0.1|8080|80/tcp"]);
  assert.deepEqual(flat("127.0.0.1::80/sctp"), ["127.0.0.1||80/sctp"]);
  assert.deepEqual(flat("[::1]:8080:80"), ["::1|8080|80/tcp"]);
  assert.deepEqual(flat("80-81:90-91"), ["|80|90/tcp", "|81|91/tcp"]);
  assert.deepEqual(flat("6-7"), ["||6/tcp", "||7/tcp"]);
  assert.deepEqual(flat("9000-9003:7"), ["|9000-9003|7/tcp"]);
  assert.deepEqual(flat("target=80,published=8080,protocol=udp"), ["|8080|80/udp"]);
  assert.deepEqual(flat("mode=host,target=80,published=8080"), ["|8080|80/tcp"]);
});

const refused: Record<string, string> = {
  x: "invalid containerPort: x",
  "99999": "invalid containerPort: 99999",
  "x:80": "invalid hostPort: x",
  "1:2:3:4": "invalid IP address: 1:2",
  "300.1.1.1:80:80": "invalid IP address: 300.1.1.1",
  "80:80/foo": "invalid proto: foo",
  "80-81:80-90": "invalid ranges specified for container and host Ports: 80-90 and 80-81",
  "90-80": "invalid containerPort: 90-80",
  "80-": "invalid containerPort: 80-",
  "-80": "invalid containerPort: -80",
  "8080-:80": "invalid hostPort: 8080-",
  "1-2-3": "invalid containerPort: 1-2-3",
  "": "no port specified: <empty>",
  "-1": "invalid containerPort: -1",
  "80:": "no port specified: 80:<empty>",
  "target=80,published": "invalid publish opts format (should be name=value but got 'published')",
  "target=80,=8080": "invalid publish opts format (should be name=value but got '=8080')",
};

for (const [text, message] of Object.entries(refused)) {
  test(`-p ${JSON.stringify(text)} is refused: ${message}`, () => {
    assert.throws(() => parsePortSpec(text), { message });
  });
}

test("--expose takes ports and ranges, and no colon", () => {
  assert.deepEqual(parseExposeSpec("90-92/udp"), ["90/udp", "91/udp", "92/udp"]);
  assert.deepEqual(parseExposeSpec("90"), ["90/tcp"]);
  assert.throws(() => parseExposeSpec("8080:80"), { message: "invalid port format for --expose: 8080:80" });
  assert.throws(
    () => parseExposeSpec("x"),
    /invalid range format for --expose: x, error: strconv\.ParseUint/,
  );
  assert.throws(() => parseExposeSpec("92-90"), /invalid range/);
});
