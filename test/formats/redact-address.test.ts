import assert from "node:assert/strict";
import { test } from "node:test";
import { redactAddresses, splitCredentials } from "../../src/formats/redact-address.ts";

test("no user and no password of an address is seen in a text", () => {
  assert.equal(redactAddresses("ADD https://u:p@h/r.git /x"), "ADD https://xxxxx:xxxxx@h/r.git /x");
  assert.equal(redactAddresses("at 'HTTP://token@h:1/r'"), "at 'HTTP://xxxxx@h:1/r'");
  assert.equal(redactAddresses("https://a:b@c@h/r"), "https://xxxxx:xxxxx@h/r");
  assert.equal(redactAddresses("ssh://git@h/r ssh://git:p@h/r"), "ssh://git@h/r ssh://xxxxx:xxxxx@h/r");
  for (const text of ["git@h:r", "https://h/a@b", "https://h?x=a@b", "a:b@c"])
    assert.equal(redactAddresses(text), text);
});

test("credentials are taken out of an address of the web", () => {
  assert.deepEqual(splitCredentials("https://u:p%40q@h/r.git"), {
    address: "https://h/r.git",
    credentials: "u:p@q",
  });
  for (const address of ["https://h/r.git", "ssh://git@h/r", "git@h:r"])
    assert.deepEqual(splitCredentials(address), { address, credentials: undefined });
});
