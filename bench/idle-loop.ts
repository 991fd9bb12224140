import { watchEventLoop } from "../src/sys/event-loop-stops.ts";

/** An event loop that has nothing to do, and tells as the engine's do how long it stood still: that is the machine's doing. */
watchEventLoop((stops) => console.log(JSON.stringify(stops)));
setInterval(() => {}, 1000);
