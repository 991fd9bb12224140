import type { ContainerCreateRequest, ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { parseBytes } from "../../formats/bytes.ts";
import type { Words } from "../../languages/words.ts";
import { formatMount, isMount } from "./mounts.ts";

/** The form as it is filled in: texts, in the words of docker's command line. */
export interface RunForm {
  image: string;
  name: string;
  command: string;
  isInteractive: boolean;
  isRemoved: boolean;
  isPrivileged: boolean;
  restart: "no" | "on-failure" | "always" | "unless-stopped";
  network: string;
  memory: string;
  cpus: string;
  user: string;
  workdir: string;
  hostname: string;
  ports: string[];
  mounts: string[];
  env: string[];
  labels: string[];
}

export const emptyForm: RunForm = {
  ...{ image: "", name: "", command: "", isInteractive: false, isRemoved: false, isPrivileged: false },
  ...{ restart: "no", network: "", memory: "", cpus: "", user: "", workdir: "", hostname: "" },
  ...{ ports: [], mounts: [], env: [], labels: [] },
};

/** Words as a shell splits them, with quotes and backslashes, and nothing else of a shell's. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const [, whole = ""] of text.matchAll(/((?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?)+)/g))
    words.push(
      whole.replace(
        /\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"?|'([^']*)'?/g,
        (_, escaped, double, single) =>
          escaped ?? single ?? String(double ?? "").replace(/\\([\\"$`])/g, "$1"),
      ),
    );
  return words;
}

export const quoteWord = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

interface PortSpec {
  key: string;
  hostIp: string;
  hostPort: string;
}

/** "8080:80", "127.0.0.1:8080:80/udp", "80". */
function parsePort(text: string): PortSpec | undefined {
  const found = /^(?:(?:(\[[0-9a-f:]+\]|[\d.]+):)?(\d{0,5}):)?(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(
    text.trim(),
  );
  if (!found) return undefined;
  const [, ip = "", hostPort = "", port = "", protocol = "tcp"] = found;
  return { key: `${port}/${protocol}`, hostIp: ip.replace(/[[\]]/g, ""), hostPort };
}

const filled = (texts: readonly string[]) => texts.map((text) => text.trim()).filter(Boolean);

/** What is wrong with the form, in the user's language. */
export function findMistakes(form: RunForm, t: Words): string[] {
  return [
    ...filled(form.ports)
      .filter((text) => !parsePort(text))
      .map(t.wrongPort),
    ...filled(form.mounts)
      .filter((text) => !isMount(text))
      .map(t.wrongMount),
    ...(form.memory.trim() && parseBytes(form.memory) === undefined ? [t.wrongSize(form.memory)] : []),
    ...(form.cpus.trim() && !(Number(form.cpus) > 0) ? [t.wrongNumber(form.cpus)] : []),
  ];
}

/** The body of `POST /containers/create`. */
export function createBody(form: RunForm): ContainerCreateRequest {
  const ports = filled(form.ports).flatMap((text) => parsePort(text) ?? []);
  const labels = filled(form.labels).map((text) => /^([^=]*)=?([\s\S]*)$/.exec(text)?.slice(1) ?? [text, ""]);
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { key, hostIp, hostPort } of ports)
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostIp, HostPort: hostPort }];
  const command = splitWords(form.command);
  return {
    Image: form.image.trim(),
    ...(command.length > 0 && { Cmd: command }),
    ...(form.isInteractive && { Tty: true, OpenStdin: true }),
    ...(form.user.trim() && { User: form.user.trim() }),
    ...(form.workdir.trim() && { WorkingDir: form.workdir.trim() }),
    ...(form.hostname.trim() && { Hostname: form.hostname.trim() }),
    Env: filled(form.env),
    Labels: Object.fromEntries(labels),
    ExposedPorts: Object.fromEntries(ports.map(({ key }) => [key, {}])),
    HostConfig: {
      PortBindings: bindings,
      Binds: filled(form.mounts),
      RestartPolicy: { Name: form.restart, MaximumRetryCount: 0 },
      ...(form.network && { NetworkMode: form.network }),
      ...(form.isRemoved && { AutoRemove: true }),
      ...(form.isPrivileged && { Privileged: true }),
      ...(form.memory.trim() && { Memory: parseBytes(form.memory) ?? 0 }),
      ...(form.cpus.trim() && { NanoCpus: Math.round(Number(form.cpus) * 1e9) }),
    },
  } as ContainerCreateRequest;
}

/** The command line that does the same. */
export function formatCommand(form: RunForm, program: string): string {
  const flag = (name: string, value: string) => (value.trim() ? [name, quoteWord(value.trim())] : []);
  const words = [
    ...[program, "run", "-d"],
    ...(form.isInteractive ? ["-it"] : []),
    ...(form.isRemoved ? ["--rm"] : []),
    ...(form.isPrivileged ? ["--privileged"] : []),
    ...flag("--name", form.name),
    ...(form.restart === "no" ? [] : ["--restart", form.restart]),
    ...flag("--network", form.network),
    ...flag("-m", form.memory),
    ...flag("--cpus", form.cpus),
    ...flag("-u", form.user),
    ...flag("-w", form.workdir),
    ...flag("-h", form.hostname),
    ...filled(form.ports).flatMap((text) => ["-p", quoteWord(text)]),
    ...filled(form.mounts).flatMap((text) => ["-v", quoteWord(text)]),
    ...filled(form.env).flatMap((text) => ["-e", quoteWord(text)]),
    ...filled(form.labels).flatMap((text) => ["--label", quoteWord(text)]),
    quoteWord(form.image.trim() || "IMAGE"),
    ...splitWords(form.command).map(quoteWord),
  ];
  return words.join(" ");
}

/** What an image says by itself. */
export interface OfImage {
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  WorkingDir?: string;
  User?: string;
  Labels?: Record<string, string> | null;
}

/** The form that would make such a container; what its image says by itself is left out. */
export function formOf(container: ContainerInspect, image: OfImage): RunForm {
  const { Config, HostConfig, Name } = container;
  const policy = HostConfig.RestartPolicy?.Name;
  const isOwn = (list: readonly string[] | null | undefined, text: string) => !(list ?? []).includes(text);
  const isSameCommand = JSON.stringify(Config.Cmd ?? []) === JSON.stringify(image.Cmd ?? []);
  return {
    ...emptyForm,
    image: Config.Image,
    name: `${Name.replace(/^\//, "")}-copy`,
    command: isSameCommand ? "" : (Config.Cmd ?? []).map(quoteWord).join(" "),
    isInteractive: Config.Tty,
    isRemoved: HostConfig.AutoRemove ?? false,
    isPrivileged: HostConfig.Privileged ?? false,
    restart: policy === "always" || policy === "on-failure" || policy === "unless-stopped" ? policy : "no",
    network: /^(default|bridge)?$/.test(HostConfig.NetworkMode ?? "") ? "" : (HostConfig.NetworkMode ?? ""),
    memory: HostConfig.Memory ? `${HostConfig.Memory}b` : "",
    cpus: HostConfig.NanoCpus ? String(HostConfig.NanoCpus / 1e9) : "",
    user: Config.User === (image.User ?? "") ? "" : Config.User,
    workdir: Config.WorkingDir === (image.WorkingDir ?? "") ? "" : Config.WorkingDir,
    ports: Object.entries(HostConfig.PortBindings ?? {}).flatMap(([key, bindings]) =>
      (bindings ?? []).map(
        ({ HostIp, HostPort }) =>
          `${HostIp ? `${HostIp.includes(":") ? `[${HostIp}]` : HostIp}:` : ""}${HostPort}:${key.replace(/\/tcp$/, "")}`,
      ),
    ),
    mounts: [
      ...(HostConfig.Binds ?? []),
      ...(HostConfig.Mounts ?? []).flatMap((mount) => formatMount(mount) ?? []),
    ],
    env: (Config.Env ?? []).filter((text) => isOwn(image.Env, text)),
    labels: Object.entries(Config.Labels ?? {})
      .filter(([name, value]) => image.Labels?.[name] !== value && !name.startsWith("com.docker.compose."))
      .map(([name, value]) => `${name}=${value}`),
  };
}
