import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { containerKind } from "../../src/containers/record.ts";
import {
  earlierImageKind,
  holdKind,
  imageKind,
  imageUseKind,
  layerKind,
  referenceKind,
} from "../../src/images/store/kinds.ts";
import { createLogger } from "../../src/logger.ts";
import { decodeEndpoint, describeEndpoint, endpointKind } from "../../src/networks/endpoint.ts";
import { networkKind } from "../../src/networks/records.ts";
import { sandboxKind } from "../../src/networks/sandbox.ts";
import { type Migration, migrate, migrations } from "../../src/state/migrations.ts";
import { type Kind, openState } from "../../src/state/state.ts";
import { volumeKind } from "../../src/volumes/volume.ts";

const logger = createLogger("silent");
const newest = migrations.at(-1)!.to;

describe("the state file of an earlier version", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-state-"));
    path = join(folder, "berth.db");
    const database = new DatabaseSync(path);
    database.exec(readFileSync(new URL("schema-0.sql", import.meta.url), "utf8"));
    database.close();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const rowsOf = (file: string, kind: string) => {
    const database = new DatabaseSync(file, { readOnly: true });
    const rows = database.prepare("SELECT key, value FROM records WHERE kind = ?").all(kind);
    database.close();
    return new Map(rows.map(({ key, value }) => [String(key), JSON.parse(String(value))]));
  };
  const versionOf = (file: string) => {
    const database = new DatabaseSync(file, { readOnly: true });
    const version = database.prepare("PRAGMA user_version").get()?.user_version;
    database.close();
    return version;
  };

  it("opens with all its records, and nothing in them is lost", () => {
    const state = openState(path, logger);
    const kinds: Kind<unknown>[] = [
      ...[containerKind, networkKind, volumeKind, earlierImageKind, layerKind],
      ...[imageUseKind, holdKind, referenceKind],
    ];
    for (const kind of kinds) {
      const before = rowsOf(path, kind.name);
      assert.ok(before.size > 0, kind.name);
      const read = state.records(kind).load();
      assert.deepEqual([...read.keys()], [...before.keys()], kind.name);
      for (const [key, value] of before) assertHolds(read.get(key), value, `${kind.name} ${key}`);
      assert.deepEqual(state.records(kind).setAside(), []);
    }
    // Of these the image store makes others when it is opened.
    assert.deepEqual(rowsOf(path, earlierImageKind.name), rowsOf(`${path}.schema-0`, imageKind.name));
    state.close();
  });

  it("keeps what running containers have of the networks, and the networks their subnets", () => {
    const [containers, networks] = [rowsOf(path, "container"), rowsOf(path, "network")];
    const state = openState(path, logger);
    const records = state.records(networkKind).load();
    for (const [id, { bridge }] of networks) {
      const pools = bridge ? [{ subnet: bridge.subnet, gateway: bridge.gateway }] : [];
      const ipam = records.get(id)?.ipam.map(({ subnet, gateway }) => ({ subnet, gateway }));
      assert.deepEqual(ipam, pools);
      assert.equal(records.get(id)?.bridge?.link, bridge?.link);
    }
    const endpoints = state.records(endpointKind).load();
    const sandboxes = state.records(sandboxKind).load();
    const running = [...containers].filter(([, { endpoints: had }]) => Object.keys(had).length > 0);
    assert.ok(running.length > 0);
    assert.deepEqual([...sandboxes.keys()].sort(), running.map(([id]) => id).sort());
    for (const [id, { endpoints: had, ports }] of running) {
      const sandbox = sandboxes.get(id);
      assert.deepEqual([sandbox?.owner, sandbox?.ports], [{ kind: "container", id }, ports]);
      const found = sandbox?.endpoints.map((endpoint) => {
        const record = endpoints.get(endpoint)!;
        const network = records.get(record.networkId)!;
        return [network.name, describeEndpoint(decodeEndpoint(record, network))];
      });
      assert.deepEqual(Object.fromEntries(found!), had);
    }
    state.close();
  });

  it("is copied whole and privately before it is changed, once", () => {
    const before = rowsOf(path, "container");
    openState(path, logger).close();
    assert.equal(versionOf(path), newest);
    const copy = `${path}.schema-0`;
    assert.equal(versionOf(copy), 0);
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    assert.deepEqual(rowsOf(copy, "container"), before);
    rmSync(copy);
    openState(path, logger).close();
    assert.ok(!existsSync(copy), "nothing was to be done");
  });

  it("is left as it was when a step fails, and the steps before it stay", () => {
    const rename: Migration = {
      to: newest + 1,
      what: "a kind has another name",
      migrate: (database) => database.exec("UPDATE records SET kind = 'box' WHERE kind = 'container'"),
    };
    const fail: Migration = {
      to: newest + 2,
      what: "something that fails",
      migrate(database) {
        database.exec("DELETE FROM records");
        database.exec("SELECT nonsense");
      },
    };
    const database = new DatabaseSync(path);
    const count = rowsOf(path, "container").size;
    const steps = [...migrations, rename, fail];
    assert.throws(() => migrate(database, path, logger, steps), {
      message: new RegExp(`could not be brought to schema ${newest + 2} \\(something that fails\\)`),
    });
    database.close();
    assert.equal(versionOf(path), newest + 1);
    assert.equal(rowsOf(path, "box").size, count);
    assert.throws(() => openState(path, logger), {
      kind: "conflict",
      message: new RegExp(
        `written by a newer version \\(schema ${newest + 1}, this one knows up to ${newest}\\)`,
      ),
    });
  });

  it("loses only those records that are not of their kind", () => {
    const database = new DatabaseSync(path);
    const [id = ""] = rowsOf(path, "container").keys();
    const change = database.prepare(
      "UPDATE records SET value = json_replace(value, ?, json(?)) WHERE key = ?",
    );
    change.run("$.config.Labels", '{"a":5}', id);
    database.prepare("INSERT INTO records VALUES ('volume', 'torn', '{')").run();
    database.prepare("INSERT INTO records VALUES ('network', 'list', '[]')").run();
    database.prepare("INSERT INTO records VALUES ('images', 'empty', '{}')").run();
    database.close();
    const state = openState(path, logger);
    const left = (kind: Kind<unknown>) => [state.records(kind).load().size, state.records(kind).setAside()];
    assert.deepEqual(left(containerKind), [rowsOf(path, "container").size, [id]]);
    assert.deepEqual(left(volumeKind)[1], ["torn"]);
    assert.deepEqual(left(networkKind)[1], ["list"]);
    assert.deepEqual(left(earlierImageKind)[1], ["empty"]);
    assert.ok(state.check().some(({ problem }) => /^4 records could not be read/.test(problem)));
    state.close();
  });

  /** All that was there is there still, but for members that say nothing and may be left out. */
  function assertHolds(after: unknown, before: unknown, where: string): void {
    if (typeof before !== "object" || before === null) {
      assert.deepEqual(after, before, where);
      return;
    }
    for (const [name, value] of Object.entries(before)) {
      if (!value && !Object.hasOwn(after as object, name)) continue;
      assertHolds((after as Record<string, unknown>)[name], value, `${where}.${name}`);
    }
  }
});
