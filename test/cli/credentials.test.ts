import assert from "node:assert/strict";
import { it } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
import { credentialsFor } from "../../src/cli/image/build-offers.ts";
import { findLogin, listLogins } from "../../src/cli/login/credentials.ts";

it("what is wrong with DOCKER_AUTH_CONFIG is said once, however many logins are looked for", async () => {
  const warnings: string[] = [];
  const login = { auth: Buffer.from("anna:s3cret").toString("base64") };
  const cli = {
    config: { auths: { "a.example": login, "b.example": login } },
    env: { DOCKER_AUTH_CONFIG: '{"auths":{"c.example":{}}}' },
    warn: (line: string) => void warnings.push(line),
  } as unknown as Cli;
  assert.deepEqual(await listLogins(cli), { "a.example": login, "b.example": login });
  assert.equal((await findLogin(cli, "a.example"))?.username, "anna");
  assert.equal(warnings.length, 1);
});

it("a build goes on without a login where a credential helper fails, and says so once", async () => {
  const warnings: string[] = [];
  const cli = {
    ...{ config: { credsStore: "missing-here" }, env: {} },
    warn: (line: string) => void warnings.push(line),
  } as unknown as Cli;
  const findCredentials = credentialsFor(cli);
  for (let asked = 0; asked < 3; asked++) assert.equal(await findCredentials?.("a.example"), undefined);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings.join(),
    /docker-credential-missing-here cannot be run.*; going on without a login\.$/,
  );
});
