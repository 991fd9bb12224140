import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { formatResolvConf, type ResolvConfInput } from "../../src/launch/resolv-conf.ts";

const folder = mkdtempSync(join(tmpdir(), "bt-resolv-"));
after(() => rmSync(folder, { recursive: true }));

/** The directives of a container's file where the host's is this one. */
function directives(host: string, asks: ResolvConfInput["asks"], dns: Partial<ResolvConfInput["dns"]> = {}) {
  const path = join(folder, "resolv.conf");
  writeFileSync(path, host);
  const input = { dns: { servers: [], search: [], options: [], ...dns }, asks, hasIpv6: false };
  return formatResolvConf(input, path)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

it("has the host's domain as its search list, and of several lists the last", () => {
  const host = "nameserver 192.0.2.1\ndomain corp.example\n";
  for (const asks of ["host", "outside"] as const)
    assert.deepEqual(directives(host, asks), ["nameserver 192.0.2.1", "search corp.example"]);
  assert.deepEqual(directives(`${host}search a.example b.example\n`, "host"), [
    "nameserver 192.0.2.1",
    "search a.example b.example",
  ]);
  assert.deepEqual(directives(`search a.example\n${host}domain\n`, "host").at(-1), "search corp.example");
  assert.deepEqual(directives(host, "resolver", { search: ["own.example"] }), [
    "nameserver 127.0.0.11",
    "search own.example",
    "options ndots:0",
  ]);
});

it("has what else the host's says, as it is written there, but no comment", () => {
  const host =
    "; made by hand\n# sortlist 192.0.2.0/24\nnameserver 192.0.2.1\noptions edns0\nsortlist  130.155.160.0/255.255.240.0\n lookup file bind\noptions rotate\n";
  const others = ["sortlist  130.155.160.0/255.255.240.0", " lookup file bind"];
  assert.deepEqual(directives(host, "outside"), ["nameserver 192.0.2.1", "options edns0 rotate", ...others]);
  assert.deepEqual(directives(host, "resolver", { options: ["ndots:2"] }), [
    "nameserver 127.0.0.11",
    "options ndots:2",
    ...others,
  ]);
});
