import { formatCommand } from "../formats/container-command.ts";
import { formatStatus } from "../formats/container-status.ts";
import type { ContainerSummary, PortSummary } from "../formats/docker-api/docker-api.ts";
import { describeDescriptor } from "../images/describe-manifests.ts";
import type { Images } from "../images/images.ts";
import { inSlices, type Slices } from "../sys/pauses.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { endpointsOf } from "./inspect.ts";
import { linkNames } from "./links.ts";
import { mountPoints } from "./mounts.ts";
import { sandboxOf } from "./sandbox.ts";
import { type MeasuredContainer, measureContainers } from "./size.ts";

/** The items of `GET /containers/json`. Those removed meanwhile are left out. */
export function summarizeContainers(
  containers: Containers,
  found: readonly Container[],
): Slices<ContainerSummary> {
  return summarizeBy(createSummary(containers), found);
}

/** The same with what a line of `ps` shows, and nothing else: of thousands that is a third of the time. */
export function summarizeBriefly(containers: Containers, found: readonly Container[]): Slices<BriefSummary> {
  return summarizeBy(createBriefSummary(containers), found);
}

function summarizeBy<T>(summarize: (container: Container) => T, found: readonly Container[]): Slices<T> {
  return inSlices(found, (container) => (container.isGone ? undefined : summarize(container)));
}

const measuredAtOnce = 256;

/** The same with sizes, which are measured as they are sent. */
export async function* summarizeWithSizes(
  containers: Containers,
  found: readonly Container[],
): AsyncGenerator<readonly ContainerSummary[]> {
  const measure = (at: number) => measureContainers(containers, found.slice(at, at + measuredAtOnce));
  let ahead = measure(0);
  for (let at = 0; at < found.length; at += measuredAtOnce) {
    const measured = await ahead;
    ahead = measure(at + measuredAtOnce);
    // Its failure is thrown where it is waited for, unless the client has gone by then.
    ahead.catch(() => {});
    yield* summarizeMeasured(containers, measured);
  }
}

/** The sizes of all containers, for `summarizeMeasured`. */
export async function measureAll(containers: Containers, signal: AbortSignal): Promise<MeasuredContainer[]> {
  const all = [...containers.byId.values()];
  const measured: MeasuredContainer[] = [];
  for (let at = 0; at < all.length; at += measuredAtOnce)
    measured.push(...(await measureContainers(containers, all.slice(at, at + measuredAtOnce), signal)));
  return measured;
}

export function summarizeMeasured(
  containers: Containers,
  measured: readonly MeasuredContainer[],
): Slices<ContainerSummary> {
  const summarize = createSummary(containers);
  return inSlices(measured, ({ container, sizes }) =>
    container.isGone ? undefined : { ...summarize(container), ...sizes },
  );
}

export type BriefSummary = Pick<
  ContainerSummary,
  "Id" | "Names" | "Image" | "ImageID" | "Command" | "Created" | "Ports" | "State" | "Status"
>;

/** Describes containers as they are now. */
function createBriefSummary(containers: Containers): (container: Container) => BriefSummary {
  const now = Date.now();
  const imageName = createImageNames(containers);
  return (container) => {
    const { record } = container;
    return {
      Id: record.id,
      Names: [`/${record.name}`, ...linkNames(containers, container)],
      Image: imageName(container),
      ImageID: record.imageId,
      Command: formatCommand(record.args),
      Created: Math.floor(container.createdMilliseconds / 1000),
      Ports: listPorts(containers, container),
      State: record.state.Status,
      Status: formatStatus(record.state, now),
    };
  };
}

function createSummary(containers: Containers): (container: Container) => ContainerSummary {
  const describe = createBriefSummary(containers);
  return (container) => {
    const { record } = container;
    const { hostConfig, config } = record;
    const brief = describe(container);
    return {
      Id: brief.Id,
      Names: brief.Names,
      Image: brief.Image,
      ImageID: brief.ImageID,
      ...(record.manifest && { ImageManifestDescriptor: describeDescriptor(record.manifest) }),
      Command: brief.Command,
      Created: brief.Created,
      Ports: brief.Ports,
      Labels: config.Labels ?? {},
      State: brief.State,
      Status: brief.Status,
      HostConfig: {
        NetworkMode: hostConfig.NetworkMode,
        ...(hostConfig.Annotations && { Annotations: hostConfig.Annotations }),
      },
      NetworkSettings: { Networks: endpointsOf(containers, container) },
      Mounts: mountPoints(record.mounts),
    };
  };
}

/** What names mean, each looked up once until an image or a name changes. */
const meanings = new WeakMap<Images, { changes: number; idByName: Map<string, string | undefined> }>();

/** A name that has been given to another image since says nothing about a container. */
function createImageNames({ images }: Containers): (container: Container) => string {
  return ({ record: { config, imageId } }) => {
    const name = config.Image;
    const idByName = meaningsIn(images);
    let id = idByName.get(name);
    if (id === undefined && !idByName.has(name)) {
      id = images.findImage(name)?.id;
      idByName.set(name, id);
    }
    return id === imageId ? name : imageId;
  };
}

function meaningsIn(images: Images): Map<string, string | undefined> {
  const changes = images.changes();
  const known = meanings.get(images);
  if (known?.changes === changes) return known.idByName;
  const idByName = new Map<string, string | undefined>();
  meanings.set(images, { changes, idByName });
  return idByName;
}

function listPorts(containers: Containers, container: Container): PortSummary[] {
  const { ports = {} } = sandboxOf(containers, container) ?? {};
  return Object.entries(ports).flatMap(([port, bindings]): PortSummary[] => {
    const [number = "", Type = "tcp"] = port.split("/");
    const PrivatePort = Number(number);
    const published = (bindings ?? []).filter(({ HostPort }) => HostPort);
    if (published.length === 0) return [{ PrivatePort, Type }];
    return published.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort,
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}
