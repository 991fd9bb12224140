import assert from "node:assert/strict";
import { duplexPair, PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Container } from "../../src/containers/container.ts";
import type { Containers } from "../../src/containers/containers.ts";
import { attachContainer } from "../../src/containers/exec/attach.ts";

const options = { stdin: false, stdout: true, stderr: true, detachKeys: "" };

/** A running container whose supervisor answers an attach after `onTheWay`. */
function arrange(onTheWay: (state: { Running: boolean }) => void) {
  const state = { Running: true, Paused: false, Restarting: false };
  const connection = new PassThrough();
  const containers = {
    supervisor: {
      async attach() {
        await setImmediate();
        onTheWay(state);
        return connection;
      },
    },
    events: { publish() {} },
  } as unknown as Containers;
  const record = { id: "x", name: "x", state, config: {} };
  const container = { record, can: () => true } as unknown as Container;
  const [client, far] = duplexPair();
  return { containers, container, connection, client, received: text(far) };
}

describe("attaching", () => {
  it("ends at once when the container has ended before the supervisor was reached", async () => {
    const { containers, container, connection, client } = arrange((state) => {
      state.Running = false;
    });
    const join = await attachContainer(containers, container, options);
    await join(client, new AbortController().signal);
    assert.ok(connection.destroyed);
    assert.ok(client.writableEnded);
  });

  it("passes on what comes, until the process ends", async () => {
    const { containers, container, connection, client, received } = arrange(() => {});
    const joined = (await attachContainer(containers, container, options))(
      client,
      new AbortController().signal,
    );
    connection.end("hello");
    await joined;
    assert.equal(await received, "hello");
  });
});
