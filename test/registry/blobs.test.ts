import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { createBlobs } from "../../src/registry/blobs.ts";
import { chunkKey } from "../../src/registry/chunks.ts";
import { claimedKey, condemnedKey, uploadFolder } from "../../src/registry/layout.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { codeOf, makeBlob, pushBlob, startRegistry } from "./fixtures.ts";
import { describeRegistries, makeFolder } from "./storages.ts";

describeRegistries((registry) => {
  const { call } = registry;
  const start = async (name: string) => {
    const answer = await call("POST", `/v2/${name}/blobs/uploads/`);
    assert.equal(answer.status, 202);
    return answer.headers.get("location") ?? "";
  };

  it("says that it speaks the protocol", async () => {
    for (const path of ["/v2/", "/v2"]) {
      const answer = await call("GET", path);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("docker-distribution-api-version"), "registry/2.0");
    }
  });

  it("a blob comes in one request", async () => {
    const blob = makeBlob();
    const answer = await call("POST", `/v2/a/b/blobs/uploads/?digest=${blob.digest}`, { body: blob.content });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("docker-content-digest"), blob.digest);
    const found = await call("GET", answer.headers.get("location") ?? "");
    assert.equal(found.status, 200);
    assert.equal(found.headers.get("docker-content-digest"), blob.digest);
    assert.deepEqual(Buffer.from(await found.arrayBuffer()), blob.content);
    const head = await call("HEAD", `/v2/a/b/blobs/${blob.digest}`);
    assert.equal(head.headers.get("content-length"), String(blob.content.length));
    const known = await call("GET", `/v2/a/b/blobs/${blob.digest}`, {
      headers: { "If-None-Match": `"${blob.digest}"` },
    });
    assert.equal(known.status, 304);
  });

  it("a blob comes in two requests, with its bytes in the second", async () => {
    const blob = makeBlob(randomBytes(20_000_000));
    const answer = await call("PUT", `${await start("two")}?digest=${blob.digest}`, { body: blob.content });
    assert.equal(answer.status, 201, await answer.text());
    const found = await call("GET", `/v2/two/blobs/${blob.digest}`);
    assert.deepEqual(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
  });

  it("an empty blob is a blob", async () => {
    const empty = makeBlob("");
    const answer = await call("PUT", `${await start("empty")}?digest=${empty.digest}`);
    assert.equal(answer.status, 201, await answer.text());
    const found = await call("GET", `/v2/empty/blobs/${empty.digest}`);
    assert.equal(found.status, 200);
    assert.equal(await found.text(), "");
  });

  it("a blob comes in chunks of any size, each in its turn, through any server on the storage", async () => {
    const blob = makeBlob(randomBytes(19_000_000));
    const other = await startRegistry({ storage: await registry.kept.open() });
    try {
      const location = await start("chunks");
      const bounds = [0, 1, 100_000, 6_000_000, 6_000_001, 16_500_000, blob.content.length];
      for (const [at, end] of bounds.slice(1).entries()) {
        const begin = bounds[at] ?? 0;
        const headers = { "Content-Range": `${begin}-${end - 1}` };
        const answer = await fetch((at % 2 ? registry : other).url + location, {
          method: "PATCH",
          headers,
          body: new Uint8Array(blob.content.subarray(begin, end)),
        });
        assert.equal(answer.status, 202, await answer.text());
        assert.equal(answer.headers.get("range"), `0-${end - 1}`);
      }
      const state = await call("GET", location);
      assert.equal(state.status, 204);
      assert.equal(state.headers.get("range"), `0-${blob.content.length - 1}`);
      const done = await call("PUT", `${location}?digest=${blob.digest}`);
      assert.equal(done.status, 201, await done.text());
      const found = await fetch(`${other.url}/v2/chunks/blobs/${blob.digest}`);
      assert.equal(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
      assert.equal((await call("GET", location)).status, 404, "the upload is over");
    } finally {
      await other.close();
    }
  });

  it("a blob whose end is said twice at once is written once, as it came", async () => {
    const blob = makeBlob(randomBytes(24_000_000));
    const location = await start("twice");
    for (let at = 0; at < blob.content.length; at += 6_000_000) {
      const body = blob.content.subarray(at, at + 6_000_000);
      assert.equal((await call("PATCH", location, { body })).status, 202);
    }
    const end = () => call("PUT", `${location}?digest=${blob.digest}`);
    const answers = await Promise.all([end(), end(), end()]);
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(201), String(statuses));
    assert.ok(
      statuses.every((status) => status === 201 || status === 404),
      String(statuses),
    );
    const found = await call("GET", `/v2/twice/blobs/${blob.digest}`);
    assert.equal(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
  });

  it("a chunk out of turn, or of another size than it says, is refused and leaves the upload as it was", async () => {
    const location = await start("order");
    const patch = (range: string, body: string) =>
      call("PATCH", location, { headers: { "Content-Range": range }, body });
    assert.equal((await patch("0-4", "first")).status, 202);
    for (const range of ["6-9", "0-3", "4-7"]) {
      const answer = await patch(range, "four");
      assert.equal(answer.status, 416);
      assert.equal(answer.headers.get("range"), "0-4");
      assert.equal(answer.headers.get("location"), location);
      assert.equal(await codeOf(answer), "RANGE_INVALID");
    }
    const short = await patch("5-10", "four");
    assert.equal(short.status, 400);
    assert.equal(await codeOf(short), "SIZE_INVALID");
    const wrong = await patch("nonsense", "four");
    assert.equal(await codeOf(wrong), "BLOB_UPLOAD_INVALID");
    assert.equal((await patch("5-8", "four")).status, 202);
    const { digest } = makeBlob("firstfour");
    assert.equal((await call("PUT", `${location}?digest=${digest}`)).status, 201);
  });

  it("what has another digest is refused, and nothing of it stays", async () => {
    const { digest } = makeBlob();
    const location = await start("liar");
    await call("PATCH", location, { body: "something else" });
    const answer = await call("PUT", `${location}?digest=${digest}`);
    assert.equal(answer.status, 400);
    assert.equal(await codeOf(answer), "DIGEST_INVALID");
    assert.equal((await call("GET", location)).status, 404);
    const whole = await call("POST", `/v2/liar/blobs/uploads/?digest=${digest}`, { body: "something else" });
    assert.equal(await codeOf(whole), "DIGEST_INVALID");
    assert.equal((await call("HEAD", `/v2/liar/blobs/${digest}`)).status, 404);
    assert.deepEqual(await registry.kept.storage.list("docker/registry/v2/repositories/liar"), []);
  });

  it("an upload can be given up", async () => {
    const location = await start("given-up");
    assert.equal((await call("DELETE", location)).status, 204);
    const answer = await call("PATCH", location, { body: "late" });
    assert.equal(answer.status, 404);
    assert.equal(await codeOf(answer), "BLOB_UPLOAD_UNKNOWN");
    assert.equal((await call("DELETE", location)).status, 404);
    const elsewhere = (await start("one")).replace("/one/", "/other/");
    assert.equal((await call("GET", elsewhere)).status, 404, "an upload belongs to its repository");
  });

  it("parts of a blob are served by range", async () => {
    const blob = makeBlob("0123456789");
    await pushBlob(registry.url, "ranges", blob);
    const get = (range: string) =>
      call("GET", `/v2/ranges/blobs/${blob.digest}`, { headers: { Range: range } });
    for (const [range, text, of] of [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-3", "789", "bytes 7-9/10"],
      ["bytes=5-500", "56789", "bytes 5-9/10"],
      ["bytes=-500", "0123456789", "bytes 0-9/10"],
    ]) {
      const answer = await get(range ?? "");
      assert.equal(answer.status, 206);
      assert.equal(answer.headers.get("content-range"), of);
      assert.equal(await answer.text(), text);
    }
    for (const range of ["lines=1-2", "bytes=0-1,3-4", "bytes=-"]) {
      const answer = await get(range);
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), "0123456789");
    }
    for (const range of ["bytes=10-", "bytes=50-100", "bytes=4-2", "bytes=-0"]) {
      const beyond = await get(range);
      assert.equal(beyond.status, 416, range);
      assert.equal(beyond.headers.get("content-range"), "bytes */10");
    }
  });

  it("a blob of one repository is mounted into another, and is in no other", async () => {
    const blob = makeBlob();
    await pushBlob(registry.url, "from", blob);
    assert.equal((await call("HEAD", `/v2/to/blobs/${blob.digest}`)).status, 404);
    const mount = (query: string) => call("POST", `/v2/to/blobs/uploads/?${query}`);
    assert.equal((await mount(`mount=${makeBlob().digest}&from=from`)).status, 202, "not there");
    assert.equal((await mount(`mount=${blob.digest}&from=nobody`)).status, 202, "not there");
    assert.equal((await mount(`mount=${blob.digest}&from=No/Name`)).status, 202, "no name");
    assert.equal((await mount("mount=md5:0&from=from")).status, 202, "no digest");
    assert.equal((await mount(`mount=${blob.digest}`)).status, 202, "from nowhere");
    const answer = await mount(`mount=${blob.digest}&from=from`);
    assert.equal(answer.status, 201);
    assert.equal((await call("DELETE", `/v2/from/blobs/${blob.digest}`)).status, 202);
    assert.equal((await call("GET", `/v2/from/blobs/${blob.digest}`)).status, 404);
    const found = await call("GET", answer.headers.get("location") ?? "");
    assert.deepEqual(Buffer.from(await found.arrayBuffer()), blob.content);
  });
});

it("what another request has put in the place of a part that was received is read again", async () => {
  const kept = await makeFolder();
  const registry = await startRegistry({ storage: kept.storage });
  try {
    const begun = await fetch(`${registry.url}/v2/raced/blobs/uploads/`, { method: "POST" });
    const location = registry.url + begun.headers.get("location");
    const patched = await fetch(location, { method: "PATCH", body: "mine" });
    assert.equal(patched.status, 202);
    const id = new URL(location).pathname.split("/").at(-1) ?? "";
    const path = join(kept.storage.description, chunkKey(uploadFolder("raced", id), 0));
    // As the loser of a race for the name of the file has its own still open.
    const held = openSync(path, "r");
    rmSync(path);
    writeFileSync(path, "ours");
    closeSync(held);
    const answer = await fetch(`${location}?digest=${makeBlob("mine").digest}`, { method: "PUT" });
    assert.equal(await codeOf(answer), "DIGEST_INVALID");
  } finally {
    await registry.close();
    await kept.close();
  }
});

it("a claim is renewed, and a collection waited for, whatever the storage's clock says", async () => {
  for (const aheadMilliseconds of [-7200_000, 7200_000]) {
    const kept = await makeFolder();
    const { digest } = makeBlob();
    const condemned = condemnedKey(digest);
    const looks = new EventEmitter();
    let renewals = 0;
    const storage: Storage = {
      ...kept.storage,
      async write(key, content, isMark) {
        if (key === claimedKey(digest)) renewals++;
        await kept.storage.write(key, content, isMark);
      },
      async find(key) {
        const found = await kept.storage.find(key);
        if (key === condemned) looks.emit("look", found);
        return found && { ...found, modified: new Date(found.modified.getTime() + aheadMilliseconds) };
      },
    };
    try {
      await storage.write(claimedKey(digest), "", true);
      await storage.write(condemned, "", true);
      renewals = 0;
      let count = 0;
      const waited = new Promise<string>((resolve) => {
        looks.on("look", () => ++count === 2 && resolve("waited"));
      });
      const claim = createBlobs(storage).claim("name", digest);
      assert.equal(await Promise.race([waited, claim.then(() => "claimed")]), "waited");
      assert.equal(renewals, 1);
      await storage.remove(condemned);
      await claim;
    } finally {
      await kept.close();
    }
  }
});
