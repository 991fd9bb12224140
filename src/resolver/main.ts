import { serveSupervisor } from "../supervisor-protocol/told-program.ts";
import { createResolver } from "./resolver.ts";

// The resolver: answers the names that containers look up, on 127.0.0.11 in their own network namespaces.
serveSupervisor(`berth-resolver ${process.argv[2] ?? ""}`, createResolver());
