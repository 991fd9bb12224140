import { rmSync } from "node:fs";
import { join } from "node:path";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { becomeSubreaper } from "../sys/process.ts";
import { socketPath } from "./connect.ts";
import { outwaitRuntimes } from "./orphans.ts";
import { Processes } from "./processes.ts";
import { serve } from "./server.ts";
import { becomeTheOne } from "./the-one.ts";

/**
 * The supervisor: parent of every container process, holder of their input, output and logs. It outlives the daemon.
 * Arguments: the run-time folder and a folder on disk for spooled output.
 */
const [execRoot, spoolFolder] = process.argv.slice(2);
if (!execRoot || !spoolFolder) throw new Error("usage: supervisor EXEC_ROOT SPOOL_FOLDER");

if (!(await becomeTheOne(execRoot))) process.exit(0);
process.title = `berth-supervisor ${execRoot}`;
process
  .on("SIGHUP", () => {})
  .on("SIGINT", () => {})
  .on("SIGTERM", () => {})
  .on("SIGPIPE", () => {});
// Whatever goes wrong with one process or client, the others are still in our care.
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));
becomeSubreaper();
watchEventLoop((stops) => console.error(JSON.stringify(stops)));
await outwaitRuntimes(execRoot);
const processes = new Processes(join(execRoot, "p"), spoolFolder, (notice) => server.notify(notice));
const server = await serve(
  socketPath(execRoot),
  () => processes,
  () => {
    rmSync(socketPath(execRoot), { force: true });
    // There is nothing to flush, and an ordinary exit would wait for a thread that sleeps in the kernel.
    process.kill(process.pid, "SIGKILL");
  },
);
