import assert from "node:assert/strict";
import { it } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
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
