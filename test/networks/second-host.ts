// An engine on a host of its own: a child process, whose network namespace is another than its parent's.
import type { Sandbox } from "../../src/networks/networks.ts";
import { newRequest, startNetworks } from "./machine.ts";

const [options = "{}", requests = "[]"] = process.argv.slice(2);
const started = await startNetworks(JSON.parse(options));
let { networks } = started;
const owners: string[] = [];
const sandboxes: Sandbox[] = [];
for (const request of JSON.parse(requests)) {
  const made = newRequest(request);
  owners.push(made.owner.id);
  sandboxes.push(await networks.open(made));
}
process.send?.(sandboxes.map(({ netnsPath, endpoints }) => ({ netnsPath, endpoints })));
process.on(
  "message",
  async ({ ask, changes }: { ask: "restart" | "warnings" | "stop"; changes?: object }) => {
    if (ask === "warnings") process.send?.(await networks.listWarnings());
    if (ask === "restart") {
      networks = await started.restart(changes);
      await networks.adopt(() => owners);
      process.send?.("restarted");
    }
    if (ask === "stop") {
      for (const sandbox of sandboxes) sandbox.release();
      await started.stop();
      process.exit(0);
    }
  },
);
