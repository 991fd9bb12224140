import assert from "node:assert/strict";
import { test } from "node:test";
import { isOnNetwork } from "../../ui/views/networks/members.ts";

test("a network whose name every object knows has the containers that are on it, and no others", () => {
  const names = ["constructor", "toString", "__proto__", "web"];
  const on = (networks: object) => {
    const container = { NetworkSettings: { Networks: networks } } as Parameters<typeof isOnNetwork>[0];
    return names.filter((name) => isOnNetwork(container, name));
  };
  assert.deepEqual(on({ web: {} }), ["web"]);
  assert.deepEqual(on(JSON.parse('{"constructor":{},"__proto__":{}}')), ["constructor", "__proto__"]);
  assert.deepEqual(
    names.filter((name) => isOnNetwork({} as Parameters<typeof isOnNetwork>[0], name)),
    [],
  );
});
