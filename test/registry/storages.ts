import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { startFauxqs } from "fauxqs";
import { openFolderStorage } from "../../src/registry/folder-storage.ts";
import type { S3Config } from "../../src/registry/s3-bucket.ts";
import { openS3Storage } from "../../src/registry/s3-storage.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { startRegistry, type TestRegistry } from "./fixtures.ts";

export interface TestStorage {
  storage: Storage;
  /** The same data, as another server has it. */
  open(): Promise<Storage>;
  /** Deletes it. */
  close(): Promise<void>;
}

export async function makeFolder(): Promise<TestStorage> {
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const open = () => openFolderStorage(root);
  return { storage: await open(), open, close: async () => rmSync(root, { recursive: true, force: true }) };
}

/** A bucket of fauxqs, which stands in for Amazon's S3 here: it speaks its protocol, but knows no conditional PUT. */
export async function makeBucket(): Promise<TestStorage & { config: S3Config }> {
  const server = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
  const config: S3Config = {
    bucket: "images",
    endpoint: `http://127.0.0.1:${server.port}`,
    region: "us-east-1",
    isPathStyle: true,
    prefix: "/some/where/",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  };
  const { endpoint, region, credentials } = config;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true } as object);
  await client.send(new CreateBucketCommand({ Bucket: config.bucket }));
  client.destroy();
  const open = () => openS3Storage(config);
  return { config, storage: await open(), open, close: () => server.stop() };
}

/** A registry that tests share. */
export interface SharedRegistry extends TestRegistry {
  kept: TestStorage;
  /** `path` may be a whole address. */
  call(method: string, path: string, init?: RequestInit): Promise<Response>;
}

/** Declares the same tests for a registry on each make of storage. @param declare what it gets is there when the tests run */
export function describeRegistries(declare: (registry: SharedRegistry) => void): void {
  describeStorages((make) => {
    const shared = {
      call: (method, path, init = {}) => fetch(new URL(path, shared.url), { method, ...init }),
    } as SharedRegistry;
    before(async () => {
      const kept = await make();
      Object.assign(shared, await startRegistry({ storage: kept.storage }), { kept });
    });
    after(async () => {
      await shared.close();
      await shared.kept.close();
    });
    declare(shared);
  });
}

/** Declares the same tests for each make of storage. */
export function describeStorages(declare: (make: () => Promise<TestStorage>) => void): void {
  describe("on a folder", () => declare(makeFolder));
  describe("on S3", () => declare(makeBucket));
}
