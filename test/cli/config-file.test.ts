import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
import { changeConfig } from "../../src/cli/login/config-file.ts";
import { home, runBerth } from "./berth.ts";

const nowhere = "unix:///nowhere/berth.sock";

test("config.json stays its owner's, with the rights that it had where nothing secret is new, also behind a link", () => {
  for (const isLink of [false, true]) {
    const folder = mkdtempSync(join(home, "config-"));
    const file = join(folder, isLink ? "elsewhere.json" : "config.json");
    if (isLink) symlinkSync("elsewhere.json", join(folder, "config.json"));
    const cli = { configFolder: folder, config: {} } as unknown as Cli;
    if (!isLink) {
      changeConfig(cli, () => ({ currentContext: "first" }));
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    writeFileSync(file, "{}");
    chmodSync(file, 0o664);
    chownSync(file, 1234, 1235);
    changeConfig(cli, (config) => ({ ...config, currentContext: "second" }));
    const { mode, uid, gid } = statSync(file);
    assert.deepEqual([mode & 0o777, uid, gid], [0o664, 1234, 1235]);
    assert.equal(JSON.parse(readFileSync(file, "utf8")).currentContext, "second");
    changeConfig(cli, (config) => config, true);
    const secret = statSync(file);
    assert.deepEqual([secret.mode & 0o777, secret.uid, secret.gid], [0o600, 1234, 1235]);
  }
});

test("logout succeeds where a credential helper had the login under one of its names, and warns where it had none", async () => {
  const folder = mkdtempSync(join(home, "helper-"));
  const program = join(folder, "docker-credential-kept");
  writeFileSync(
    program,
    '#!/bin/sh\nread -r name\n[ "$name" = here.example ] || { echo "nothing for $name"; exit 1; }\n',
    { mode: 0o755 },
  );
  const auths = { "here.example": {}, "other.example": {} };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths, credsStore: "kept" }));
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env.PATH}` };
  assert.deepEqual(await runBerth(nowhere, ["logout", "here.example"], env), {
    code: 0,
    stdout: "Removing login credentials for here.example\n",
    stderr: "",
  });
  const kept = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  assert.deepEqual(kept.auths, { "other.example": {} });
  const { code, stderr } = await runBerth(nowhere, ["logout", "gone.example"], env);
  assert.equal(code, 0);
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    "WARNING: could not erase credentials:",
    ...["", "http://", "https://"].map(
      (scheme) =>
        `${scheme}gone.example: error erasing credentials - docker-credential-kept: nothing for ${scheme}gone.example`,
    ),
  ]);
});
