import path from "node:path";
import type { ContainerCreateRequest, HostConfig, PortMap } from "../../formats/docker-api/docker-api.ts";
import { parseExposeSpec, parsePortSpec } from "../../formats/port-spec.ts";
import type { CreateFlags } from "./create-flags.ts";
import type { CreateInput } from "./create-input.ts";
import { parseNetworking } from "./create-network.ts";
import { readPairFiles, splitAt, toPairs } from "./env-file.ts";
import { hostConfig } from "./host-config.ts";
import { proxyEnv } from "./proxy-env.ts";

/** The body of `POST /containers/create` for a command line, as Docker's CLI sends it. @throws Error in Docker's words */
export function createBody(input: CreateInput): ContainerCreateRequest & { HostConfig: Partial<HostConfig> } {
  const { flags, given, image, command, env } = input;
  if (!["always", "missing", "never"].includes(flags.pull)) {
    throw new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  }
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  const isAttached = (stream: string) => flags.attach.includes(stream);
  const isDefault = flags.attach.length === 0;
  const attachStdin = isAttached("stdin") || flags.interactive;
  const ports = parsePorts(flags);
  if (flags.volume.includes("")) throw new Error("invalid empty volume spec");
  const volumes = parseVolumes(flags.volume);
  const ownEnvironment = [
    ...readPairFiles(flags["env-file"], env),
    ...flags.env.flatMap((text) => resolveEnv(text, env)),
  ];
  const environment = [
    ...proxyEnv(input.proxies?.all, input.proxies?.host ?? "", ownEnvironment),
    ...ownEnvironment,
  ];
  const labels = toPairs([...readPairFiles(flags["label-file"], undefined), ...flags.label]);
  const healthcheck = parseHealth(flags, given);
  const networking = parseNetworking(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: isAttached("stdout") || isDefault,
    AttachStderr: isAttached("stderr") || isDefault,
    ...(Object.keys(ports.exposed).length > 0 && { ExposedPorts: ports.exposed }),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attachStdin,
    Env: environment.length > 0 ? environment : null,
    Cmd: command.length > 0 ? [...command] : null,
    ...(healthcheck !== undefined && { Healthcheck: healthcheck }),
    Image: image,
    Volumes: volumes.anonymous,
    WorkingDir: flags.workdir,
    Entrypoint: given.has("entrypoint") ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: labels,
    ...(flags["stop-signal"] !== "" && { StopSignal: flags["stop-signal"] }),
    ...(flags["stop-timeout"] !== undefined && { StopTimeout: flags["stop-timeout"] }),
    HostConfig: { ...hostConfig(input, volumes.binds, ports.bindings), NetworkMode: networking.mode },
    NetworkingConfig: { EndpointsConfig: networking.endpoints },
  };
}

function parsePorts(flags: CreateFlags): { exposed: Record<string, object>; bindings: PortMap } {
  const exposed: Record<string, object> = {};
  const bindings: PortMap = {};
  for (const { port, binding } of flags.publish.flatMap(parsePortSpec)) {
    exposed[port] = {};
    bindings[port] = [...(bindings[port] ?? []), binding];
  }
  for (const port of flags.expose.flatMap(parseExposeSpec)) exposed[port] = {};
  return { exposed, bindings };
}

function parseVolumes(specs: readonly string[]): { binds: string[]; anonymous: Record<string, object> } {
  const binds: string[] = [];
  const anonymous: Record<string, object> = {};
  for (const spec of new Set(specs)) {
    if (!spec.includes(":")) {
      anonymous[spec] = {};
      continue;
    }
    if (spec.split(":").includes("")) throw new Error(`invalid spec: ${spec}: empty section between colons`);
    const [source, rest] = splitAt(spec, ":");
    binds.push(source.startsWith(".") ? `${path.resolve(source)}:${rest}` : spec);
  }
  return { binds, anonymous };
}

function parseHealth(flags: CreateFlags, given: ReadonlySet<string>) {
  const names = ["cmd", "interval", "timeout", "start-period", "start-interval", "retries"];
  const isSet = names.some((name) => given.has(`health-${name}`));
  if (flags["no-healthcheck"]) {
    if (isSet) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!isSet) return undefined;
  const times = {
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
  for (const [name, value] of Object.entries(times)) {
    if ((value ?? 0) < 0) throw new Error(`--health-${name.toLowerCase()} cannot be negative`);
  }
  const test = flags["health-cmd"] === "" ? {} : { Test: ["CMD-SHELL", flags["health-cmd"]] };
  return { ...test, ...Object.fromEntries(Object.entries(times).filter(([, value]) => value)) };
}

/** `-e NAME` takes the value from the caller's environment, and nothing when it has none. */
export function resolveEnv(text: string, env: Record<string, string | undefined>): string[] {
  if (text.includes("=")) return [text];
  // The name alone takes a variable of the image away.
  return env[text] === undefined ? [text] : [`${text}=${env[text]}`];
}
