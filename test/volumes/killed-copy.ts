// A daemon that a test kills while it fills a volume from an image's layer.
import { join } from "node:path";
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";
import { createVolumes } from "../../src/volumes/volumes.ts";

const [root = "", layer = ""] = process.argv.slice(2);
const logger = createLogger("silent");
const state = openState(join(root, "state.db"), logger);
const volumes = createVolumes({ root, state, events: createEvents(), logger });
volumes.create({ Name: "volume" });
await volumes.copyUp("volume", [layer], "/data");
setInterval(() => {}, 60_000);
