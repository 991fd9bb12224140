import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { resolveRemap } from "../../src/engine/userns-remap.ts";

const etc = mkdtempSync(join(tmpdir(), "berth-etc-"));
after(() => rmSync(etc, { recursive: true }));

const said: unknown[] = [];
const logger = { warn: (...words: unknown[]) => void said.push(words), info: () => {} } as never;
const write = (files: Record<string, string>) => {
  for (const name of ["passwd", "group", "subuid", "subgid"])
    writeFileSync(join(etc, name), files[name] ?? "");
};
const noPrograms = async (): Promise<string> => {
  throw new Error("no such program");
};
const resolve = (given: string, run: (program: string, words: string[]) => Promise<string> = noPrograms) =>
  resolveRemap(given, logger, { etc, run });

const users = {
  passwd: "root:x:0:0::/:/bin/sh\nme:x:1000:1000::/:/bin/sh\nbare:x:1001:1001::/:/bin/sh\n",
  group: "root:x:0:\nus:x:2000:\n",
  subuid: "me:100000:65536\nme:300000:1000\n",
  subgid: "1000:200000:65536\n",
};
const mapped = {
  uids: [
    { inside: 0, outside: 100_000, size: 65_536 },
    { inside: 65_536, outside: 300_000, size: 1000 },
  ],
  gids: [{ inside: 0, outside: 200_000, size: 65_536 }],
};

test("a user is named, or given by its id, with a group or without", async () => {
  write(users);
  for (const given of ["me", "1000", "me:us", "me:2000", "1000:2000"])
    assert.deepEqual(await resolve(given), mapped, given);
  assert.equal(await resolve(""), undefined);
});

test("a group's ranges count where the user has none", async () => {
  write({ ...users, subgid: "us:400000:10\n" });
  assert.deepEqual((await resolve("me:us"))?.gids, [{ inside: 0, outside: 400_000, size: 10 }]);
});

test("what is missing is named in Docker's words", async () => {
  write(users);
  const refused: [given: string, message: RegExp][] = [
    ["a:b:c", /^Invalid user\/group specification in --userns-remap: "a:b:c"$/],
    [
      "nosuch",
      /^Error during uid lookup for "nosuch": getent unable to find entry "nosuch" in passwd database$/,
    ],
    ["4242", /^Uid 4242 has no entry in \/etc\/passwd: /],
    ["me:nosuch", /^Error during groupname lookup for "nosuch": /],
    ["me:4242", /^Gid 4242 has no entry in \/etc\/group: /],
    [":", /^Error during uid lookup for "": /],
    ["--help", /^Error during uid lookup for "--help": /],
    [
      "bare",
      /^Can't create ID mappings: no subuid ranges found for user "bare": add a line such as "bare:100000:65536"/,
    ],
  ];
  for (const [given, message] of refused)
    await assert.rejects(resolve(given), { kind: "invalid", message }, given);
  write({ ...users, subgid: "" });
  await assert.rejects(resolve("me"), { message: /no subgid ranges found for user "me"/ });
});

test("root stands for none, with a warning", async () => {
  write(users);
  for (const given of ["root", "0", "root:root"]) assert.equal(await resolve(given), undefined);
  assert.match(JSON.stringify(said), /root cannot be remapped with itself; user namespaces are OFF/);
});

test("a user that another database has is asked for by getent, and never as an option", async () => {
  write({ ...users, passwd: "" });
  const asked: string[][] = [];
  const run = async (program: string, words: string[]) => {
    asked.push([program, ...words]);
    return "me:x:1000:1000::/:/bin/sh\n";
  };
  assert.deepEqual(await resolve("me", run), mapped);
  await assert.rejects(resolve("-s", run));
  assert.deepEqual(asked, [["getent", "passwd", "me"]]);
});

test("default: the user dockremap is made, with ranges behind all others", async () => {
  write(users);
  const run = async (program: string, words: string[]) => {
    if (program === "getent") throw new Error("none");
    const add = (file: string, line: string) =>
      writeFileSync(join(etc, file), `${readFileSync(join(etc, file), "utf8")}${line}\n`);
    if (program === "useradd") add("passwd", "dockremap:x:998:998::/:/usr/sbin/nologin");
    const [flag, range = "", user] = words;
    const [start = 0, end = 0] = range.split("-").map(Number);
    if (program === "usermod")
      add(flag === "--add-subuids" ? "subuid" : "subgid", `${user}:${start}:${end - start + 1}`);
    return "";
  };
  const made = {
    uids: [{ inside: 0, outside: 301_000, size: 65_536 }],
    gids: [{ inside: 0, outside: 265_536, size: 65_536 }],
  };
  assert.deepEqual(await resolve("default", run), made);
  assert.deepEqual(await resolve("default"), made, "and found the next time");
  write(users);
  await assert.rejects(resolve("default"), {
    kind: "unavailable",
    message: /could not make the user dockremap/,
  });
});
