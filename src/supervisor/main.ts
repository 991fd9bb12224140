import { rmSync } from "node:fs";
import { processesFolder, socketPath } from "../supervisor-protocol/connect.ts";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { becomeSubreaper } from "../sys/process.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { Children } from "./children.ts";
import { createNames } from "./names.ts";
import { outwaitRuntimes } from "./orphans.ts";
import { boundLog } from "./own-log.ts";
import { Processes } from "./processes.ts";
import { createRelays } from "./relays.ts";
import { serve } from "./server.ts";
import { becomeTheOne } from "./the-one.ts";

/**
 * The supervisor: parent of every container process, holder of their input, output and logs. It outlives the daemon.
 * Arguments: the run-time folder and a folder on disk for spooled output.
 */
const [execRoot, spoolFolder] = process.argv.slice(2);
if (!execRoot || !spoolFolder) throw new Error("usage: supervisor EXEC_ROOT SPOOL_FOLDER");

// As the daemon has it, whose child it need not be.
process.umask(0o022);
if (!(await becomeTheOne(execRoot))) process.exit(0);
process.title = `berth-supervisor ${execRoot}`;
process
  .on("SIGHUP", () => {})
  .on("SIGINT", () => {})
  .on("SIGTERM", () => {})
  .on("SIGPIPE", () => {});
// An error with one process or client must not end the supervisor of all others.
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));
boundLog(execRoot);
becomeSubreaper();
watchEventLoop((stops) => console.error(JSON.stringify(stops)));
trimMemoryAtRest();
await outwaitRuntimes(execRoot);
const children = new Children();
const names = createNames(children, execRoot);
const relays = createRelays(children, execRoot);
const processes = new Processes(children, processesFolder(execRoot), spoolFolder, (notice) => {
  server.notify(notice);
  // Its sockets hold on to the network namespace of a container, whose daemon may be away.
  if (!("exit" in notice)) return;
  const id = notice.exit.process;
  Promise.all([names.removeNames({ id }), relays.putRelays({ id, relays: [] })]).catch(console.error);
});
const server = await serve(
  socketPath(execRoot),
  () => processes,
  { ...names, ...relays },
  () => {
    rmSync(socketPath(execRoot), { force: true });
    // There is nothing to flush, and an ordinary exit would wait for a thread that sleeps in the kernel.
    process.kill(process.pid, "SIGKILL");
  },
);
