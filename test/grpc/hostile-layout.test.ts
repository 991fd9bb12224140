import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { readContentRequest, readContentResponse } from "../../src/buildkit/messages/content.ts";
import { type Method, serverStream } from "../../src/buildkit/wire/server.ts";
import { code, GrpcError } from "../../src/buildkit/wire/status.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { eventually, useEngine } from "../engine.ts";
import { answerFin, attempt, endOfList, fileSyncOf, openClient, openSession } from "./hostile-client.ts";

/** What a client sends for a blob: bytes, or anything that it makes up. */
type Answer = Buffer | ((send: (data: Buffer) => Promise<void>, isWanted: () => boolean) => Promise<void>);

/** A layout as its client has it, to be spoiled. */
interface Layout {
  blobs: Map<string, Answer>;
  top: Digest;
}

const readPath = "/containerd.services.content.v1.Content/Read";

describe("a hostile client with an OCI layout", () => {
  const { engine } = useEngine();

  function tarOf(name: string, content: string, type: "file" | "symlink" = "file"): Buffer {
    const about = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } };
    const data = Buffer.from(content);
    if (type === "symlink")
      return Buffer.concat([
        encodeEntry({ ...about, name, type, linkName: content, sizeBytes: 0 }),
        archiveEnd,
      ]);
    const padding = Buffer.alloc((512 - (data.length % 512)) % 512);
    return Buffer.concat([
      encodeEntry({ ...about, name, type, sizeBytes: data.length }),
      data,
      padding,
      archiveEnd,
    ]);
  }

  const put = (layout: Layout, content: Buffer | object) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    layout.blobs.set(digestOf(bytes), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };

  interface Parts {
    layers?: Buffer[];
    /** Of the plain archives. */
    diffIds?: string[];
    config?: object;
    describe?: (layer: { digest: Digest; size: number }) => object;
  }

  function makeLayout({
    layers = [tarOf("a", "content\n")],
    diffIds,
    config,
    describe = (layer) => layer,
  }: Parts = {}) {
    const layout: Layout = { blobs: new Map(), top: "sha256:" as Digest };
    const described = layers.map((layer) => {
      const blob = gzipSync(layer);
      return { mediaType: mediaTypes.gzipLayer, ...describe(put(layout, blob)) };
    });
    const rootfs = { type: "layers", diff_ids: diffIds ?? layers.map((layer) => digestOf(layer)) };
    const own = put(layout, { os: "linux", architecture: "amd64", config: {}, rootfs, ...config });
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...own },
      layers: described,
    };
    layout.top = put(layout, manifest).digest;
    return layout;
  }

  const serve = (layout: Layout): Method =>
    serverStream(readContentRequest, readContentResponse, async ({ digest }, call) => {
      const answer = layout.blobs.get(digest);
      if (answer === undefined) throw new GrpcError(code.notFound, `content ${digest}: not found`);
      if (!Buffer.isBuffer(answer))
        return answer(
          (data) => call.send({ offset: 0, data }),
          () => !call.signal.aborted,
        );
      await call.send({ offset: 0, data: answer });
    });

  const dockerfile = "FROM base\nCOPY --from=base /a /b\n";
  const nothing = fileSyncOf(dockerfile, (stream) => {
    stream.write(endOfList);
    answerFin(stream);
  });

  /** @returns the error, "" for none */
  async function build(
    layout: Layout,
    address = `oci-layout://store@${layout.top}`,
    methods = [[readPath, serve(layout)]] as [string, Method][],
  ) {
    const client = await openClient(engine.host);
    const session = await openSession(engine.host, new Map([...nothing, ...methods]));
    try {
      return await attempt(client, { sessionId: session.id, attributes: { "context:base": address } });
    } finally {
      session.close();
      client.close();
    }
  }

  async function leavesNothing() {
    const partial = join(engine.root, "blobs/partial");
    await eventually(
      () => readdirSync(partial),
      (left) => left.length === 0,
    );
    const check = await engine.berth(["system", "check"]);
    assert.equal(check.code, 0, check.stdout);
  }

  it("is believed when it says the truth", async () => {
    assert.equal(await build(makeLayout()), "");
  });

  it("names nothing but stores by a word and images by a digest", async () => {
    const { top } = makeLayout();
    for (const [address, why] of [
      ["oci-layout:", /could not parse oci-layout reference ""/],
      [`oci-layout://../../etc@${top}`, /could not parse oci-layout reference/],
      [`oci-layout://a\nb@${top}`, /could not parse oci-layout reference/],
      [`oci-layout://${"a".repeat(100_000)}@${top}`, /could not parse oci-layout reference "a{200}"/],
      ["oci-layout://store:latest", /oci-layout reference "store:latest" has no digest/],
      ["oci-layout://store@sha512:00", /has no digest/],
    ] as const)
      assert.match(await build(makeLayout(), address), why);
    const silent = await build(makeLayout(), undefined, []);
    assert.match(silent, /Content\/Read is not supported by the client/);
  });

  it("sends documents that are bounded, of the right digest and of the right form", async () => {
    const spoil = (change: (layout: Layout) => void, parts: Parts = {}) => {
      const layout = makeLayout(parts);
      change(layout);
      return build(layout);
    };
    const wrong = await spoil(({ blobs, top }) => blobs.set(top, Buffer.from("{}")));
    assert.match(wrong, /wrong digest: context base has sha256:\w+ for sha256:\w+/);
    const endless = await spoil(({ blobs, top }) =>
      blobs.set(top, async (send, isWanted) => {
        while (isWanted()) await send(Buffer.alloc(1024 * 1024, 32));
      }),
    );
    assert.match(endless, /is larger than 4194304 bytes/);
    for (const [parts, why] of [
      [{ diffIds: [] }, /layers length mismatch: expected 0, got 1/],
      [{ config: { os: "windows" } }, /image operating system "windows" cannot be used/],
      [{ config: { rootfs: 7 } }, /invalid image config/],
      [{ layers: Array.from({ length: 200 }, (_, at) => tarOf(`${at}`, "")) }, /max depth exceeded/],
    ] as const)
      assert.match(await build(makeLayout(parts as Parts)), why);
    const index = (manifests: object[]) => ({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    const nested = makeLayout();
    for (let depth = 0; depth < 6; depth++)
      nested.top = put(
        nested,
        index([
          {
            mediaType: mediaTypes.index,
            digest: nested.top,
            size: (nested.blobs.get(nested.top) as Buffer).length,
          },
        ]),
      ).digest;
    assert.match(await build(nested), /nested too deep|it is a manifest/);
    const wide = makeLayout();
    const listed = Array.from({ length: 1200 }, (_, at) => ({
      mediaType: mediaTypes.manifest,
      digest: `sha256:${String(at).padStart(64, "0")}`,
      size: 1,
    }));
    wide.top = put(wide, index(listed)).digest;
    assert.match(await build(wide), /more than 1000 manifests/);
    await leavesNothing();
  });

  it("sends layers of the right digest, size and content, which lead nowhere else", async () => {
    // Of its own each time, or the layer would be here already.
    let count = 0;
    const spoil = (change: (layer: Buffer) => Answer, parts: Parts = {}) => {
      const layer = tarOf("a", `content ${++count}\n`);
      const layout = makeLayout({ layers: [layer], ...parts });
      const [digest, blob] = [...layout.blobs][0] as [string, Buffer];
      layout.blobs.set(digest, change(blob));
      return build(layout);
    };
    const other = await spoil((blob) => Buffer.alloc(blob.length, 7));
    assert.match(other, /verification failed|wrong digest/);
    assert.match(await spoil((blob) => Buffer.concat([blob, blob])), /has more than \d+ bytes/);
    assert.match(await spoil((blob) => blob.subarray(0, 20)), /was cut short after 20 of \d+ bytes/);
    const endless = await spoil(() => async (send, isWanted) => {
      while (isWanted()) await send(Buffer.alloc(1024 * 1024));
    });
    assert.match(endless, /has more than \d+ bytes/);
    const misnamed = makeLayout({ layers: [tarOf("a", "misnamed")], diffIds: [`sha256:${"b".repeat(64)}`] });
    assert.match(await build(misnamed), /wrong diff id/);
    const link = tarOf("link", engine.folder, "symlink").subarray(0, 512);
    const through = Buffer.concat([link, tarOf("link/evil", "evil")]);
    await build(makeLayout({ layers: [through, tarOf("../../../evil", "evil")] }));
    assert.equal(existsSync(join(engine.folder, "evil")), false);
    await leavesNothing();
  });

  it("goes away in the middle of a layer, and leaves nothing", async () => {
    const layout = makeLayout({ layers: [tarOf("a", "first"), tarOf("b", "second")] });
    const [, last] = [...layout.blobs.keys()];
    const begun = Promise.withResolvers<void>();
    layout.blobs.set(last as string, async (send) => {
      await send(Buffer.alloc(10));
      begun.resolve();
      await new Promise(() => {});
    });
    const client = await openClient(engine.host);
    const session = await openSession(engine.host, new Map([...nothing, [readPath, serve(layout)]]));
    const attributes = { "context:base": `oci-layout://store@${layout.top}` };
    const outcome = attempt(client, { sessionId: session.id, attributes });
    await begun.promise;
    session.close();
    assert.notEqual(await outcome, "");
    client.close();
    await leavesNothing();
    assert.equal(await build(makeLayout({ layers: [tarOf("a", "once more")] })), "");
  });
});
