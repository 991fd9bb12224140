import { serveSupervisor } from "../supervisor-protocol/told-program.ts";
import { createRelay } from "./relay.ts";

// The relay: carries what NAT cannot from ports of this machine to containers, for the whole engine.
serveSupervisor(`berth-relay ${process.argv[2] ?? ""}`, createRelay());
