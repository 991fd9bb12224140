import { homedir } from "node:os";
import { join } from "node:path";
import { formatColumns } from "../formats/table.ts";
import { containerTable } from "./container-flags.ts";
import { deviceTable } from "./device-flags.ts";
import { dnsTable } from "./dns-flags.ts";
import { garbageTable } from "./garbage-flags.ts";
import { networkTable } from "./network-flags.ts";
import { registryTable } from "./registry-flags.ts";

export const certificates = process.env.DOCKER_CERT_PATH ?? join(homedir(), ".docker");

/** Flag, kind, default for the help, what it does. Keys of daemon.json are the same words. */
export const table = [
  ["add-runtime", "list", "", "Register a further OCI runtime as NAME=PATH"],
  ["bridge", "string", "berth0", "Name of the default bridge, or none for no default bridge"],
  [
    "cgroup-parent",
    "string",
    "",
    'Parent of the containers\' cgroups (default "/berth", one of its own with another data root, or "system.slice" by systemd)',
  ],
  ["config-file", "string", "/etc/berth/daemon.json", "Configuration file"],
  ["data-root", "string", "/var/lib/berth", "Where images, containers and volumes are kept"],
  ["debug", "boolean", "", "Log at level debug"],
  ["default-runtime", "string", "crun", "OCI runtime for containers that ask for none"],
  ["exec-root", "string", "/run/berth", "Where run-time files are kept"],
  ["help", "boolean", "", "Print usage"],
  [
    "host",
    "list",
    "unix:///run/berth/berth.sock",
    "Socket to listen on: unix://PATH, tcp://ADDRESS:PORT or fd:// (systemd's)",
  ],
  ["label", "list", "", "Label of this daemon, which info shows"],
  ["log-level", "string", "info", "debug, info, warn, error or fatal"],
  ["metrics-addr", "string", "", "Serve the engine's metrics to Prometheus on this address: 127.0.0.1:9323"],
  ["nft-table", "string", "berth", "Name of the nftables table"],
  ["ui", "string", "", "Serve the web page on this address of this machine: 127.0.0.1:9000"],
  [
    "userns-remap",
    "string",
    "",
    'Run containers with the subordinate ids of this USER or USER:GROUP; "default" for those of dockremap',
  ],
  ["validate", "boolean", "", "Check the configuration, say whether it is good, and end"],
  ...containerTable,
  ...deviceTable,
  ...dnsTable,
  ...garbageTable,
  ...networkTable,
  ...registryTable,
  ["tls", "boolean", "", "Use TLS; implied by --tlsverify"],
  ["tlscacert", "string", join(certificates, "ca.pem"), "Trust only clients with a certificate of this CA"],
  ["tlscert", "string", join(certificates, "cert.pem"), "TLS certificate"],
  ["tlskey", "string", join(certificates, "key.pem"), "TLS key"],
  ["tlsverify", "boolean", "", "Use TLS and verify the client"],
] as const;

export const shorts: Record<string, string> = { debug: "D", host: "H", "log-level": "l", bridge: "b" };

export const helpText = `Usage:  berth daemon [OPTIONS]

Run the engine in the foreground

Options:
${formatColumns(optionLines())}
`;

function optionLines(): string {
  const sorted = [...table].sort(([name], [other]) => (name < other ? -1 : 1));
  const lines = sorted.map(([name, kind, fallback, text]) => {
    const short = shorts[name] ? `-${shorts[name]}, ` : "    ";
    const value = kind === "boolean" ? "" : ` ${kind}`;
    return `  ${short}--${name}${value}\t${text}${fallback ? ` (default "${fallback}")` : ""}`;
  });
  return lines.join("\n");
}
