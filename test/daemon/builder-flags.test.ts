import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { garbageRulesOf } from "../../src/build/cache/garbage-settings.ts";
import { readBuilderSettings } from "../../src/daemon/builder-flags.ts";

const read = (builder: unknown) => readBuilderSettings(JSON.stringify(builder));
const gigabytes = 1024 ** 3;

describe("the key builder of daemon.json", () => {
  it("says what the cache may take, in Docker's words", () => {
    const { garbage } = read({
      gc: {
        policy: [
          { keepStorage: "10GB", filter: ["unused-for=2200h", "type=source.local"] },
          { all: true, maxUsedSpace: "5GB", minFreeSpace: "1GB" },
        ],
      },
    });
    const none = { reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 };
    assert.deepEqual(garbageRulesOf(garbage, 100 * gigabytes), [
      {
        ...none,
        filters: ["type==source.local"],
        all: false,
        keepMilliseconds: 2200 * 3_600_000,
        reservedBytes: 10 * gigabytes,
      },
      {
        ...none,
        filters: [],
        all: true,
        keepMilliseconds: 0,
        maxUsedBytes: 5 * gigabytes,
        minFreeBytes: gigabytes,
      },
    ]);
    assert.deepEqual(garbageRulesOf(read({ gc: { enabled: false } }).garbage, 1), []);
  });

  it("has the rules that dockerd 28.5.2 shows, without being said and with one size", () => {
    const usual = garbageRulesOf(readBuilderSettings(undefined).garbage, 270_553_174_016);
    assert.deepEqual(
      usual.map(({ all, keepMilliseconds, reservedBytes, maxUsedBytes, minFreeBytes }) => [
        ...[all, keepMilliseconds / 3_600_000, reservedBytes, maxUsedBytes, minFreeBytes],
      ]),
      [
        [false, 48, 0, 3_592_570_859, 0],
        [false, 1440, 26e9, 202e9, 51e9],
        [false, 0, 26e9, 202e9, 51e9],
        [true, 0, 26e9, 202e9, 51e9],
      ],
    );
    const sized = garbageRulesOf(read({ gc: { enabled: true, defaultKeepStorage: "1GB" } }).garbage, 1);
    assert.deepEqual(
      sized.map(({ reservedBytes, maxUsedBytes, minFreeBytes }) => [
        reservedBytes,
        maxUsedBytes,
        minFreeBytes,
      ]),
      [[0, 512e6, 0], ...Array(3).fill([gigabytes, 0, 0])],
    );
  });

  it("allows the host's network unless it says otherwise, and privileges only if it does", () => {
    assert.deepEqual(read({}).entitlements, ["network.host", "device"]);
    const entitlements = { "network-host": false, "security-insecure": true, device: false };
    assert.deepEqual(read({ entitlements }).entitlements, ["security.insecure"]);
  });

  it("is refused where it says nothing that counts", () => {
    for (const [builder, message] of [
      [[], /builder is not an object/],
      [{ gc: { foo: 1 } }, /builder\.gc has no key foo/],
      [{ gc: { enabled: "yes" } }, /builder\.gc\.enabled is neither true nor false/],
      [{ gc: { defaultKeepStorage: "x" } }, /builder\.gc\.defaultKeepStorage/],
      [{ gc: { policy: {} } }, /builder\.gc\.policy is not a list/],
      [{ gc: { policy: [null] } }, /builder\.gc\.policy\[0\] is not an object/],
      [{ gc: { policy: [{ filter: ["foo=1"] }] } }, /invalid filter 'foo=1'/],
      [{ gc: { policy: [{ filter: ["unused-for=soon"] }] } }, /invalid duration/],
      [{ gc: { policy: [{ filter: ["until=1h", "until=2h"] }] } }, /filters expect only one value/],
      [
        { gc: { policy: [{ filter: ["type=a", "type=b"] }] } },
        /policy\[0\]\.filter: filters expect only one/,
      ],
      [{ entitlements: { "network-host": 1 } }, /network-host is neither/],
    ] as const)
      assert.throws(() => read(builder), { kind: "invalid", message });
  });
});
