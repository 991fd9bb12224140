import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeInetQuery } from "../../src/sys/address-message.ts";
import { decodeLink, encodeLinkQuery } from "../../src/sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
import { encodeMessage, zeroes } from "../../src/sys/netlink-message.ts";
import { routeType } from "../../src/sys/rtnetlink-message.ts";

const openSocket = () => {
  const socket = new NetlinkSocket(netlinkProtocol.route);
  return Object.assign(socket, { [Symbol.dispose]: () => socket.close() });
};

describe("what the kernel answers", () => {
  it("stays what it was when the same thread asks for more, by this socket or another", () => {
    using socket = openSocket();
    using other = openSocket();
    const one = socket.get(routeType.getLink, encodeLinkQuery("lo"), "lo");
    const all = socket.dump(routeType.getLink, encodeLinkQuery());
    const before = [one, ...all].map((payload) => payload.toString("hex"));
    for (const again of [socket, other]) again.dump(routeType.getAddress, encodeInetQuery());
    assert.throws(() => other.get(routeType.getLink, encodeLinkQuery("nosuchlink"), "nosuchlink"), {
      code: "ENODEV",
    });
    assert.deepEqual(
      [one, ...all].map((payload) => payload.toString("hex")),
      before,
    );
    assert.equal(decodeLink(one).name, "lo");
  });

  it("takes no buffer of its own, which would stay until a thread's whole heap is collected", () => {
    using socket = openSocket();
    const ask = (times: number) => {
      let most = 0;
      for (let time = 0; time < times; time++) {
        socket.get(routeType.getLink, encodeLinkQuery("lo"), "lo");
        most = Math.max(most, process.memoryUsage().arrayBuffers);
      }
      return most;
    };
    const before = ask(10);
    const growth = ask(300) - before;
    assert.ok(growth < 2 << 20, `${growth} bytes more`);
  });

  it("is asked for in bytes of the shared pool, which are zero whatever was there before", () => {
    for (let time = 0; time < 100; time++) Buffer.allocUnsafe(500).fill(0xff);
    for (const count of [4, 16, 300]) {
      const bytes = zeroes(count);
      assert.deepEqual(bytes, Buffer.alloc(count));
      assert.ok(bytes.buffer.byteLength > count);
    }
    const message = encodeMessage({ type: 1, flags: 2, sequence: 3, payload: Buffer.of(9) });
    assert.equal(message.toString("hex"), "1100000001000200030000000000000009000000");
    assert.ok(message.buffer.byteLength > message.length);
  });
});
