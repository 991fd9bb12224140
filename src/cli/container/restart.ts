import { defineStopCommand } from "./stop.ts";

export const command = defineStopCommand((client, id, options) => client.containers.restart(id, options));
