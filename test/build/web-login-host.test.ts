import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientSession } from "../../src/build/client-session.ts";
import { findWebLogin } from "../../src/build/solve/web-login.ts";

/** A client that has a token for any host that it is asked for. */
async function find(address: string): Promise<string | undefined> {
  const findSecret = async (id: string) => Buffer.from(id.replace(/^HTTP_AUTH_TOKEN_/, ""));
  return findWebLogin(async () => ({ findSecret }) as unknown as ClientSession, address);
}

describe("the host that a client's token is for", () => {
  it("is called as it is written, without port and user", async () => {
    assert.equal(await find("https://files.example.com:8443/a"), "Bearer files.example.com");
    assert.equal(await find("https://me:secret@Files.Example.com/a"), "Bearer Files.Example.com");
    assert.equal(await find("http://[::1]:80/a"), "Bearer ::1");
  });

  it("is the one that it is sent to, however an author writes the address", async () => {
    for (const address of [
      "https://evil.example\\@good.example/",
      "https://evil.example\\good.example@good.example/",
      "https:/evil.example/@good.example/",
      "https://\tevil.example\\@good.example/",
      "https:\\\\evil.example/@good.example/",
    ]) {
      const token = await find(address);
      assert.ok(
        token === undefined || token === `Bearer ${new URL(address).hostname}`,
        `${address}: ${token}`,
      );
    }
  });
});
