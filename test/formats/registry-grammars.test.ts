import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChallenges } from "../../src/formats/auth-challenge.ts";
import { formatProgressBar } from "../../src/formats/progress-bar.ts";
import {
  decodeRegistryAuth,
  decodeRegistryConfig,
  findLoginName,
  loginAddressOf,
} from "../../src/formats/registry-auth.ts";
import { parseRetryAfter } from "../../src/formats/retry-after.ts";

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);

test("challenges: several in one header, quoted commas, escapes, names in any case", () => {
  assert.deepEqual(
    plain(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    ),
    [
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      ],
    ],
  );
  assert.deepEqual(plain('BASIC Realm="a \\"b\\", c" , Bearer realm=x'), [
    ["basic", { realm: 'a "b", c' }],
    ["bearer", { realm: "x" }],
  ]);
  assert.deepEqual(plain("Negotiate, Basic"), [
    ["negotiate", {}],
    ["basic", {}],
  ]);
});

test("challenges: rubbish ends them and harms nobody", () => {
  assert.deepEqual(plain(""), []);
  assert.deepEqual(plain('Basic realm="unclosed'), [
    ["basic", {}],
    ["realm", {}],
  ]);
  assert.deepEqual(plain('Basic __proto__="x", realm="r"').at(0)?.[0], "basic");
  assert.equal(({} as Record<string, unknown>).x, undefined);
  assert.deepEqual(plain(`Bearer ${"a=b,".repeat(10_000)}`).length, 1);
});

test("credentials come in either base64, whole or as a pair", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
  const auth = { username: "ü>?", password: "p:~ÿ>", serveraddress: "x:5000" };
  const read = { username: "ü>?", password: "p:~ÿ>", serverAddress: "x:5000" };
  assert.deepEqual(decodeRegistryAuth(encode(auth)), read);
  assert.deepEqual(decodeRegistryAuth(Buffer.from(JSON.stringify(auth)).toString("base64url")), read);
  assert.deepEqual(decodeRegistryAuth(encode({ auth: Buffer.from("u:p:q").toString("base64") })), {
    username: "u",
    password: "p:q",
  });
  for (const empty of [undefined, "", "e30=", encode(null), encode({ username: "", password: "" })]) {
    assert.deepEqual(decodeRegistryAuth(empty), {});
  }
  assert.deepEqual(decodeRegistryAuth(encode({ UserName: "u", IdentityToken: "t" })), {
    username: "u",
    identityToken: "t",
  });
  for (const bad of ["bm90IGpzb24=", "%", encode([]), encode({ username: 1 })])
    assert.deepEqual(decodeRegistryAuth(bad), {});
});

test("logins of several registries are told apart, and what is unreadable is left out", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const hub = "https://index.docker.io/v1/";
  const auths = decodeRegistryConfig(encode({ [hub]: { username: "u" }, "x:5000": 7, y: { Password: "p" } }));
  assert.deepEqual(
    [...auths],
    [
      [hub, { username: "u" }],
      ["y", { password: "p" }],
    ],
  );
  for (const bad of [undefined, "", "bm90IGpzb24=", encode([]), encode(null)])
    assert.equal(decodeRegistryConfig(bad).size, 0);
});

test("a login is found under the names that Docker's clients have kept it by", () => {
  const find = (address: string, ...names: string[]) => findLoginName(names, address);
  assert.equal(find("x.io", "http://x.io/v1", "x.io", "y"), "x.io");
  for (const name of ["https://x.io/v2/", "http://x.io", "x.io/path"])
    assert.equal(find("x.io", "y", name), name);
  for (const name of ["x.io:5000", "ftp://x.io", "https://y/x.io"])
    assert.equal(find("x.io", name), undefined);
  assert.equal(loginAddressOf("docker.io"), "https://index.docker.io/v1/");
  assert.equal(
    find(loginAddressOf("docker.io"), "https://index.docker.io/v1/"),
    "https://index.docker.io/v1/",
  );
});

test("Retry-After is seconds or a date", () => {
  assert.equal(parseRetryAfter("120", 0), 120);
  assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 30_000), 30);
  assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 90_000), 0);
  for (const bad of [undefined, "", "soon", "-1"]) assert.equal(parseRetryAfter(bad, 0), undefined);
});

test("a bar is what Docker's daemon writes", () => {
  const bar = (current?: number, total?: number) =>
    formatProgressBar({ ...(current !== undefined && { current }), ...(total !== undefined && { total }) });
  assert.equal(bar(32_768, 1_360_000), `[=>${" ".repeat(49)}]  32.77kB/1.36MB`);
  assert.equal(bar(2_000_000, 2_000_000), `[${"=".repeat(50)}>]      2MB/2MB`);
  assert.equal(bar(3_000_000, 2_000_000), `[${"=".repeat(50)}>]      3MB`);
  assert.equal(bar(5), "      5B");
  assert.equal(bar(), "");
});
