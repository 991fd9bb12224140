import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { notFound } from "../../errors.ts";
import { type IdPair, ownerOutside } from "../../formats/id-mapping.ts";
import type { LaunchMount } from "../../launch/launch-mount.ts";
import { type MountPlaces, openMountPlaces } from "../../launch/mount-places.ts";
import type { UserNamespaceChoice } from "../../launch/namespaces.ts";
import { openRootPart } from "../../volumes/subpath.ts";
import type { CacheMounts } from "../cache/cache-mounts.ts";
import type { ClientSession } from "../client-session.ts";
import type { RunMountNode } from "../graph/nodes.ts";
import { type AgentSocket, openAgentSocket } from "./agent-socket.ts";
import { mayHaveToWait, openStepCaches } from "./step-caches.ts";

/** What a step's command sees besides its root file system. */
export interface StepMounts {
  mounts: LaunchMount[];
  env: string[];
  /** Places in the root file system that are made for the mounts alone. */
  stubs: string[];
  /** The command runs, or has failed to. */
  release(): void;
  /** The step is over. */
  close(): Promise<void>;
}

export interface MountSettings {
  /** For sockets that are bound; removed by the caller. */
  folder: string;
  /** For what is mounted on the host as long as the start takes. */
  placesFolder: string;
  /** Asked for by what needs one; undefined where the client offers none. */
  session(): Promise<ClientSession | undefined>;
  cacheMounts: CacheMounts;
  /** Those that had to be waited for, by the mounts' ids. */
  caches: ReadonlyMap<string, string>;
  /** Directories of what a mount is from, topmost first. */
  layersOf(mount: RunMountNode): Promise<string[]>;
  /** A directory to write to over layers, for as long as the step takes. */
  prepareWritable(layers: string[]): Promise<{ lower: string[]; upper: string; work: string }>;
  description: string;
  /** Of the command, where that is not the machine's own. */
  remap: UserNamespaceChoice | undefined;
  signal: AbortSignal;
}

/** @throws EngineError notFound for what is required and not given, in BuildKit's words */
export async function openStepMounts(
  wanted: readonly RunMountNode[],
  settings: MountSettings,
): Promise<StepMounts> {
  const opened: Opened = {
    mounts: [],
    env: [],
    stubs: [],
    closers: [],
    agents: 0,
    caches: new Map(settings.caches),
  };
  const places = openMountPlaces(settings.placesFolder, settings.remap);
  const close = async () => {
    places.close();
    for (const closer of opened.closers.reverse()) await closer();
  };
  try {
    await openPrivateCaches(opened, settings, wanted);
    for (const [index, mount] of wanted.entries()) await open(opened, places, settings, mount, index);
  } catch (error) {
    await close();
    throw error;
  }
  const { mounts, env, stubs } = opened;
  return { mounts, env, stubs, release: places.close, close };
}

interface Opened extends Pick<StepMounts, "mounts" | "env" | "stubs"> {
  closers: (() => void | Promise<void>)[];
  agents: number;
  /** Paths by the mounts' ids. */
  caches: Map<string, string>;
}

async function openPrivateCaches(
  opened: Opened,
  settings: MountSettings,
  wanted: readonly RunMountNode[],
): Promise<void> {
  const isPrivate = (mount: Parameters<typeof mayHaveToWait>[0]) => !mayHaveToWait(mount);
  const { paths, close } = await openStepCaches(settings.cacheMounts, wanted, isPrivate, settings);
  opened.closers.push(close);
  for (const [id, path] of paths) opened.caches.set(id, path);
}

async function open(
  opened: Opened,
  places: MountPlaces,
  settings: MountSettings,
  mount: RunMountNode,
  index: number,
): Promise<void> {
  switch (mount.type) {
    case "bind": {
      const source = await placeLayers(places, settings, mount, `${index}`);
      return add(opened, bind(mount.target, source, !mount.isWritable));
    }
    case "cache": {
      const path = opened.caches.get(mount.id) as string;
      return add(opened, { ...bind(mount.target, path, mount.isReadOnly), isOwn: true });
    }
    case "tmpfs": {
      const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
      const options = ["nosuid", "nodev", ...size];
      return add(opened, { destination: mount.target, type: "tmpfs", source: "tmpfs", options });
    }
    case "secret":
      return openSecret(opened, places, settings, mount, index);
    case "ssh":
      return openAgent(opened, settings, mount);
  }
}

function add({ mounts, stubs }: Opened, mount: LaunchMount): void {
  mounts.unshift(mount);
  stubs.push(mount.destination);
}

function bind(destination: string, source: string, isReadOnly: boolean): LaunchMount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", isReadOnly ? "ro" : "rw"] };
}

async function placeLayers(
  places: MountPlaces,
  settings: MountSettings,
  mount: Extract<RunMountNode, { type: "bind" }>,
  name: string,
): Promise<string> {
  const layers = await settings.layersOf(mount);
  const root = mount.isWritable
    ? places.mountOverlay(name, { ...(await settings.prepareWritable(layers)), isVolatile: true })
    : places.mountLayers(name, layers);
  return mount.source === "" ? root : places.mountOpened(`${name}-part`, openRootPart(root, mount.source));
}

/** A page for the directory, and whole pages for the content. */
const pageBytes = 4096;

/** In memory, where no disk keeps it, and on the host no longer than the start takes. */
async function openSecret(
  opened: Opened,
  places: MountPlaces,
  { session, remap }: MountSettings,
  mount: Extract<RunMountNode, { type: "secret" }>,
  index: number,
): Promise<void> {
  const value = await (await session())?.findSecret(mount.id);
  if (value === undefined) {
    if (mount.isRequired) throw notFound(`secret ${mount.id}: not found`);
    return;
  }
  if (mount.env !== undefined) opened.env.push(`${mount.env}=${value.toString()}`);
  if (mount.target === undefined) return;
  const path = join(places.mountMemory(`secret-${index}`, value.length + 4 * pageBytes), "secret");
  writeFileSync(path, value, { mode: 0o600 });
  const { uid, gid } = ownerFor(remap, mount);
  chmodSync(path, mount.mode);
  chownSync(path, uid, gid);
  add(opened, bind(mount.target, path, true));
}

/** As the machine has it. @throws EngineError invalid in Docker's words for one that the command's user namespace does not have */
function ownerFor(remap: UserNamespaceChoice | undefined, owner: IdPair): IdPair {
  return remap ? ownerOutside(remap.mapping, owner) : { uid: owner.uid, gid: owner.gid };
}

async function openAgent(
  opened: Opened,
  { session, folder, remap }: MountSettings,
  mount: Extract<RunMountNode, { type: "ssh" }>,
): Promise<void> {
  const client = await session();
  if (!client || !(await client.hasAgent(mount.id))) {
    if (mount.isRequired) throw notFound(`unset ssh forward key ${mount.id}`);
    return;
  }
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const number = opened.agents++;
  const path = join(folder, `agent.${number}`);
  const socket: AgentSocket = await openAgentSocket(
    path,
    { mode: mount.mode, ...ownerFor(remap, mount) },
    () => client.openAgent(mount.id),
  );
  opened.closers.push(socket.close);
  const target = mount.target ?? `/run/buildkit/ssh_agent.${number}`;
  add(opened, bind(target, path, true));
  if (number === 0) opened.env.push(`SSH_AUTH_SOCK=${target}`);
}
