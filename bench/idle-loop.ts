import { watchEventLoop } from "../src/trace.ts";

/** An event loop that has nothing to do, and tells as the engine's do how long it stood still: that is the machine's doing. */
watchEventLoop((milliseconds) => console.log(JSON.stringify({ eventLoopBlocked: milliseconds })));
setInterval(() => {}, 1000);
