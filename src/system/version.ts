import { arch, release } from "node:os";
import type { VersionResponse } from "../formats/docker-api/docker-api-system.ts";
import { apiVersion, minApiVersion, version } from "../formats/version.ts";

/** Go's name of this machine's architecture, as all of Docker uses it. */
export function architecture(): string {
  return { x64: "amd64", ia32: "386" }[arch() as string] ?? arch();
}

/** The answer to `GET /version`. */
export function describeVersion(): VersionResponse {
  const common = {
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    Os: "linux",
    Arch: architecture(),
    KernelVersion: release(),
  };
  return {
    Platform: { Name: "berth" },
    Components: [
      {
        Name: "Engine",
        Version: version,
        Details: { ...common, GoVersion: "none", GitCommit: "", Experimental: "false" },
      },
    ],
    Version: version,
    ...common,
    GitCommit: "",
    GoVersion: "none",
    Experimental: false,
    BuildTime: "",
  };
}
