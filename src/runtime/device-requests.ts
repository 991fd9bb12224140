import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { internal, invalid } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { type DeviceEdits, injectCdiDevices, noEdits } from "./cdi/inject.ts";
import type { CdiListing } from "./cdi/read-directories.ts";
import type { CdiRegistry } from "./cdi/registry.ts";

type DeviceRequest = NonNullable<HostConfig["DeviceRequests"]>[number];

/** What `--gpus` and `--device vendor.com/class=name` add to a container. @throws EngineError invalid, internal in Docker's words */
export async function resolveDeviceRequests(
  registry: CdiRegistry,
  requests: readonly DeviceRequest[],
): Promise<DeviceEdits> {
  const edits = noEdits();
  if (requests.length === 0) return edits;
  const listing = await registry.list();
  for (const request of requests) {
    if (request.Driver === "cdi" && registry.directories.length > 0) addCdi(edits, listing, request);
    else addGpus(edits, listing, request);
  }
  return edits;
}

function addCdi(edits: DeviceEdits, listing: CdiListing, { Count, Options, DeviceIDs }: DeviceRequest): void {
  if (Count !== 0) throw invalid("unexpected count in CDI device request");
  if (Object.keys(Options ?? {}).length > 0) throw invalid("unexpected options in CDI device request");
  injectCdiDevices(edits, listing, DeviceIDs ?? []);
}

/** Makers of GPUs: by the program that their toolkit installs, or else by what they describe for CDI. */
const makers = [
  {
    driver: "nvidia",
    program: "nvidia-container-runtime-hook",
    kind: "nvidia.com/gpu",
    capabilities: ["gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"],
  },
  { driver: "amd", program: "amd-container-runtime", kind: "amd.com/gpu", capabilities: ["gpu", "amd"] },
] as const;

type Maker = (typeof makers)[number];

function addGpus(edits: DeviceEdits, listing: CdiListing, request: DeviceRequest): void {
  for (const maker of makers) {
    const chosen = choose(maker, request);
    if (!chosen) continue;
    const program = findProgram(maker.program);
    if (program === undefined && !listing.devices.some(({ name }) => name.startsWith(`${maker.kind}=`)))
      continue;
    if (request.Count !== 0 && request.DeviceIDs?.length)
      throw invalid("cannot set both Count and DeviceIDs on device request");
    if (program === undefined) injectCdiDevices(edits, listing, namesOf(maker.kind, listing, request));
    else addByProgram(edits, maker, program, request, chosen);
    return;
  }
  const sets = (request.Capabilities ?? []).map((set) => `[${(set ?? []).join(" ")}]`);
  throw internal(
    `could not select device driver ${JSON.stringify(request.Driver)} with capabilities: [${sets.join(" ")}]`,
  );
}

/** The first of the sets of capabilities that a maker's devices have all of. */
function choose(maker: Maker, { Driver, Capabilities }: DeviceRequest): readonly string[] | undefined {
  if (Driver !== "" && Driver !== maker.driver) return undefined;
  if (Driver !== "" && !Capabilities?.length) return [];
  const has = (name: string) => maker.capabilities.some((one) => one === name);
  return Capabilities?.map((set) => set ?? []).find((set) => set.every(has));
}

/** By CDI devices are called 0, 1, …, and `all` where the document has one for all. */
function namesOf(kind: string, { devices }: CdiListing, { Count, DeviceIDs }: DeviceRequest): string[] {
  if (DeviceIDs?.length) return DeviceIDs.map((id) => (id.includes("=") ? id : `${kind}=${id}`));
  if (Count >= 0) return idsOf(Count).map((id) => `${kind}=${id}`);
  const all = devices.map(({ name }) => name).filter((name) => name.startsWith(`${kind}=`));
  return all.includes(`${kind}=all`) ? [`${kind}=all`] : all;
}

const mostDevices = 1024;

function idsOf(count: number): string[] {
  if (count > mostDevices) throw invalid(`invalid device count ${count}: at most ${mostDevices}`);
  return Array.from({ length: count }, (_, index) => String(index));
}

/** By what their programs read in a container's environment. */
function addByProgram(
  edits: DeviceEdits,
  maker: Maker,
  program: string,
  { Count, DeviceIDs }: DeviceRequest,
  chosen: readonly string[],
): void {
  const none = maker.driver === "nvidia" ? "void" : "none";
  const visible = DeviceIDs?.length ? DeviceIDs : Count < 0 ? ["all"] : Count === 0 ? [none] : idsOf(Count);
  edits.env.push(`${maker.driver.toUpperCase()}_VISIBLE_DEVICES=${visible.join(",")}`);
  if (maker.driver !== "nvidia") return;
  const wanted = chosen.filter((name) => name !== "gpu" && name !== "nvidia");
  if (wanted.length > 0) edits.env.push(`NVIDIA_DRIVER_CAPABILITIES=${wanted.join(",")}`);
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const hook = { path: program, args: [maker.program, "prestart"], env };
  edits.hooks.prestart = [...(edits.hooks.prestart ?? []), hook];
}

function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
