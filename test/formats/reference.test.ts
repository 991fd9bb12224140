import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatFamiliar,
  formatReference,
  parseReference,
  withDefaultTag,
} from "../../src/formats/reference.ts";

const digest = `sha256:${"ab".repeat(32)}`;

test("names get Docker Hub's defaults, and lose them again for people", () => {
  const cases = [
    ["busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["library/busybox:1", "docker.io/library/busybox:1", "busybox:1"],
    ["index.docker.io/me/app", "docker.io/me/app:latest", "me/app:latest"],
    ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
    ["localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"],
    ["r.example.org/a/b__c/d-e.f", "r.example.org/a/b__c/d-e.f:latest", "r.example.org/a/b__c/d-e.f:latest"],
    ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
    ["Registry/app", "Registry/app:latest", "Registry/app:latest"],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
    ["docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ];
  for (const [name = "", full, familiar] of cases) {
    const reference = withDefaultTag(parseReference(name));
    assert.equal(formatReference(reference), full, name);
    assert.equal(formatFamiliar(reference), familiar, name);
    assert.deepEqual(withDefaultTag(parseReference(formatFamiliar(reference))), reference, name);
  }
});

test("what cannot be a name is refused in Docker's words", () => {
  const cases: [string, string][] = [
    ["", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["-a", "invalid reference format"],
    ["a:", "invalid reference format"],
    ["a:b:c", "invalid reference format"],
    ["a:-x", "invalid reference format"],
    ["../a", "invalid reference format"],
    [`a:${"x".repeat(129)}`, "invalid reference format"],
    ["a@sha256:12", "invalid reference format"],
    ["a@md5:d41d8cd98f00b204e9800998ecf8427e", "invalid reference format"],
    ["Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"],
    ["a".repeat(250), "repository name must not be more than 255 characters"],
    [
      "f".repeat(64),
      `invalid repository name (${"f".repeat(64)}), cannot specify 64-byte hexadecimal strings`,
    ],
  ];
  for (const [name, message] of cases)
    assert.throws(() => parseReference(name), { message, kind: "invalid" });
});

test("a hostile name is refused in linear time", () => {
  for (const name of [
    `${"a".repeat(100_000)}!`,
    `${"a-".repeat(50_000)}/`,
    "a.".repeat(50_000),
    "/".repeat(100_000),
  ]) {
    assert.throws(() => parseReference(name), { kind: "invalid" });
  }
});
