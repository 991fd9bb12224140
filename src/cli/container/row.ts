import { shortId } from "../../formats/digest.ts";
import type { ContainerSummary, MountPoint, PortSummary } from "../../formats/docker-api/docker-api.ts";
import { type GoStruct, goRows } from "../../formats/go-template/go-template.ts";
import { quoteGo } from "../../formats/go-template/go-template-printf.ts";
import { formatAge, formatSize } from "../../formats/units.ts";
import { ellipsis, formatLabels, formatLocalTime } from "../output.ts";

export const containerHeaders = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
  HealthStatus: "HEALTH STATUS",
};

/** Lines of `ps`, with the fields `--format` may name. */
export function containerRows({
  isTruncated,
}: {
  isTruncated: boolean;
}): (container: ContainerSummary) => GoStruct {
  return goRows<ContainerSummary>("*formatter.ContainerContext", {
    ID: ({ Id }) => (isTruncated ? shortId(Id) : Id),
    Names: ({ Names }) => formatNames(Names, isTruncated),
    Image: (container) => formatImage(container, isTruncated),
    Command: ({ Command }) => quoteGo(isTruncated ? ellipsis(Command, 20) : Command),
    CreatedAt: ({ Created }) => formatLocalTime(Created),
    RunningFor: ({ Created }) => `${formatAge(Date.now() / 1000 - Created)} ago`,
    Ports: ({ Ports }) => formatPorts(Ports ?? []),
    State: ({ State }) => State,
    Status: ({ Status }) => Status,
    Size: formatContainerSize,
    Labels: ({ Labels }) => formatLabels(Labels),
    Label: ({ Labels }, name) => Labels?.[name] ?? "",
    Mounts: ({ Mounts }) => (Mounts ?? []).map((mount) => nameOfMount(mount, isTruncated)).join(","),
    LocalVolumes: ({ Mounts }) => String((Mounts ?? []).filter((mount) => mount.Driver === "local").length),
    Networks: ({ NetworkSettings }) =>
      Object.keys(NetworkSettings?.Networks ?? {})
        .sort()
        .join(","),
    Platform: () => null,
    HealthStatus: ({ Status }) => /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(Status)?.[1] ?? "",
  });
}

function formatNames(names: readonly string[] | null, isTruncated: boolean): string {
  const bare = (names ?? []).map((name) => name.replace(/^\//, ""));
  // A name with a slash is a link's alias: it belongs to the other container.
  return (isTruncated ? bare.filter((name) => !name.includes("/")) : bare).join(",");
}

function formatImage(container: ContainerSummary, isTruncated: boolean): string {
  if (container.Image === "") return "<no image>";
  if (!isTruncated) return container.Image;
  const id = shortId(container.ImageID);
  if (id !== "" && id === shortId(container.Image)) return id;
  return container.Image.replace(/@sha256:[0-9a-f]{64}$/, "");
}

function formatContainerSize({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = formatSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${own} (virtual ${formatSize(SizeRootFs, 3)})` : own;
}

function nameOfMount(mount: MountPoint, isTruncated: boolean): string {
  const name = mount.Name || mount.Source;
  return isTruncated ? ellipsis(name, 15) : name;
}

/** `0.0.0.0:80-82->80-82/tcp, 443/tcp`: ports that follow each other and are published under their own number are joined. */
export function formatPorts(ports: readonly PortSummary[]): string {
  const sorted = [...ports].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compareText(a.IP ?? "", b.IP ?? "") ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      a.Type.localeCompare(b.Type),
  );
  const closed: string[] = [];
  const mapped: string[] = [];
  const open = new Map<string, { ip: string; type: string; first: number; last: number }>();
  for (const { IP: ip = "", PrivatePort: port, PublicPort: published, Type: type } of sorted) {
    if (ip !== "" && published !== port) {
      mapped.push(`${joinHost(ip)}:${published}->${port}/${type}`);
      continue;
    }
    const key = `${ip}/${type}`;
    const range = open.get(key);
    if (range !== undefined && port === range.last + 1) {
      range.last = port;
      continue;
    }
    if (range !== undefined) closed.push(formatRange(range));
    open.set(key, { ip, type, first: port, last: port });
  }
  return [...closed, ...[...open.values()].map(formatRange), ...mapped].join(", ");
}

/** By bytes, as Go does it: 0.0.0.0 before [::]. */
const compareText = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1);

function formatRange({
  ip,
  type,
  first,
  last,
}: {
  ip: string;
  type: string;
  first: number;
  last: number;
}): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return `${ip === "" ? "" : `${joinHost(ip)}:${range}->`}${range}/${type}`;
}

export const joinHost = (ip: string) => (ip.includes(":") ? `[${ip}]` : ip);

/** The template that Docker calls raw. */
export const rawContainer = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`;
