import { formatStatus } from "../formats/container-status.ts";
import type { ContainerSummary, PortSummary } from "../formats/docker-api/docker-api.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { describeDescriptor } from "../images/describe-manifests.ts";
import { inSlices, type Slices } from "../sys/pauses.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { endpointsOf } from "./inspect.ts";
import { linkNames } from "./links.ts";
import { mountPoints } from "./mounts.ts";
import { sandboxOf } from "./sandbox.ts";
import { measureContainers } from "./size.ts";

/** The items of `GET /containers/json`. Those removed meanwhile are left out. */
export function summarizeContainers(
  containers: Containers,
  found: readonly Container[],
): Slices<ContainerSummary> {
  const summarize = createSummary(containers);
  return inSlices(found, (container) => (isHere(containers, container) ? summarize(container) : undefined));
}

const measuredAtOnce = 64;

/** The same with sizes, which are measured as they are sent. */
export async function* summarizeWithSizes(
  containers: Containers,
  found: readonly Container[],
): AsyncGenerator<readonly ContainerSummary[]> {
  const summarize = createSummary(containers);
  const measure = (at: number) => measureContainers(containers, found.slice(at, at + measuredAtOnce));
  let ahead = measure(0);
  for (let at = 0; at < found.length; at += measuredAtOnce) {
    const measured = await ahead;
    ahead = measure(at + measuredAtOnce);
    // Its failure is thrown where it is waited for, unless the client has gone by then.
    ahead.catch(() => {});
    yield* inSlices(measured, ({ container, sizes }) =>
      isHere(containers, container) ? { ...summarize(container), ...sizes } : undefined,
    );
  }
}

function isHere({ byId }: Containers, container: Container): boolean {
  return byId.get(container.record.id) === container;
}

/** Describes containers as they are now. */
function createSummary(containers: Containers): (container: Container) => ContainerSummary {
  const now = Date.now();
  const imageName = createImageNames(containers);
  return (container) => {
    const { record } = container;
    const { hostConfig, config, state } = record;
    return {
      Id: record.id,
      Names: [`/${record.name}`, ...linkNames(containers, container)],
      Image: imageName(container),
      ImageID: record.imageId,
      ...(record.manifest && { ImageManifestDescriptor: describeDescriptor(record.manifest) }),
      Command: record.args.map(quoteWord).join(" "),
      Created: Math.floor((parseTimestamp(record.created) ?? 0) / 1000),
      Ports: listPorts(containers, container),
      Labels: config.Labels ?? {},
      State: state.Status,
      Status: formatStatus(state, now),
      HostConfig: {
        NetworkMode: hostConfig.NetworkMode,
        ...(hostConfig.Annotations && { Annotations: hostConfig.Annotations }),
      },
      NetworkSettings: { Networks: endpointsOf(containers, container) },
      Mounts: mountPoints(record.mounts),
    };
  };
}

/** A name that has been given to another image since says nothing about a container. Each name is looked up once. */
function createImageNames({ images }: Containers): (container: Container) => string {
  const known = new Map<string, string | undefined>();
  return ({ record: { config, imageId } }) => {
    const name = config.Image;
    if (!known.has(name)) known.set(name, images.findImage(name)?.id);
    return known.get(name) === imageId ? name : imageId;
  };
}

function quoteWord(word: string): string {
  return /^[^\s'"\\]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
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
