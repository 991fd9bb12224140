import assert from "node:assert/strict";
import { it } from "node:test";
import { portChanges } from "../../ui/views/containers/port-changes.ts";

it("changes the ports that the user changed, and none that others did", () => {
  const base = ["8080:80", "127.0.0.1:53:53/udp", "9000:90"];
  const now = ["8080:80", "127.0.0.1:53:53/udp", "7000:70"];
  assert.deepEqual(portChanges(base, ["8080:80/tcp", "[::1]:443:443", " 7000:70 ", ""], now), {
    Publish: { "443/tcp": [{ HostIp: "::1", HostPort: "443" }] },
    Unpublish: [{ HostIp: "127.0.0.1", HostPort: "53", Protocol: "udp" }],
  });
  assert.deepEqual(portChanges(base, base, now), { Publish: {}, Unpublish: [] });
  assert.deepEqual(portChanges(["8080:80"], ["8081:80"], ["8080:80"]), {
    Publish: { "80/tcp": [{ HostIp: "", HostPort: "8081" }] },
    Unpublish: [{ HostPort: "8080", Protocol: "tcp" }],
  });
});
