import * as archive from "./archive.ts";
import * as attach from "./attach.ts";
import * as buildCache from "./build-cache.ts";
import * as builds from "./builds.ts";
import * as cacheMounts from "./cache-mounts.ts";
import { build } from "./classic-build.ts";
import * as containers from "./containers.ts";
import * as execs from "./execs.ts";
import * as imageLayers from "./image-layers.ts";
import * as images from "./images.ts";
import * as networks from "./networks.ts";
import * as registries from "./registries.ts";
import type { Handler } from "./request.ts";
import { stats, usage } from "./stats.ts";
import * as system from "./system.ts";
import * as volumeTransfers from "./volume-transfers.ts";
import * as volumes from "./volumes.ts";

export type Route = [
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS",
  path: string,
  handler: Handler,
  /** It may take over its connection, or has no body of its own, so that parameters may stand there. */
  input?: "hijacked" | "form",
];

/**
 * Every operation of the API: method, path below the version, handler. The first that fits serves. `:id` stands for one
 * segment of the path, `*name` for one or more.
 */
export const routes: Route[] = [
  ["OPTIONS", "/*path", () => ({ status: 200 })],
  ["GET", "/_ping", system.ping],
  ["HEAD", "/_ping", system.pingHead],
  ["GET", "/version", system.getVersion],
  ["GET", "/info", system.info],
  ["GET", "/events", system.events],
  ["GET", "/system/df", system.df],
  ["GET", "/berth/stats", usage],
  ["GET", "/berth/system/check", system.checkEngine],
  ["POST", "/berth/system/repair", system.repair],
  ["POST", "/berth/system/stop", system.stop],
  ["GET", "/berth/metrics", system.metrics],
  ["POST", "/auth", registries.auth],
  ["POST", "/grpc", builds.grpc, "hijacked"],
  ["POST", "/session", builds.session, "hijacked"],

  ["GET", "/containers/json", containers.listing],
  ["POST", "/containers/create", containers.create],
  ["POST", "/containers/prune", containers.prune, "form"],
  ["GET", "/containers/:id/json", containers.inspect],
  ["GET", "/containers/:id/top", containers.top],
  ["GET", "/containers/:id/logs", attach.logs],
  ["GET", "/containers/:id/changes", archive.changes],
  ["GET", "/containers/:id/export", archive.exportAll],
  ["GET", "/containers/:id/stats", stats],
  ["GET", "/containers/:id/attach/ws", attach.attachWebSocket, "hijacked"],
  ["GET", "/containers/:id/checkpoints", system.noCheckpoints],
  ["POST", "/containers/:id/checkpoints", system.noCheckpoints],
  ["DELETE", "/containers/:id/checkpoints/:checkpoint", system.noCheckpoints],
  ["POST", "/containers/:id/resize", containers.resize, "form"],
  ["POST", "/containers/:id/start", containers.start],
  ["POST", "/containers/:id/stop", containers.stop, "form"],
  ["POST", "/containers/:id/restart", containers.restart, "form"],
  ["POST", "/containers/:id/kill", containers.kill, "form"],
  ["POST", "/containers/:id/update", containers.update],
  ["POST", "/containers/:id/rename", containers.rename, "form"],
  ["POST", "/containers/:id/pause", containers.pause, "form"],
  ["POST", "/containers/:id/unpause", containers.unpause, "form"],
  ["POST", "/containers/:id/attach", attach.attach, "hijacked"],
  ["POST", "/containers/:id/wait", containers.wait, "form"],
  ["DELETE", "/containers/:id", containers.remove],
  ["DELETE", "/containers/:id/:alias", containers.removeNamedLink],
  ["HEAD", "/containers/:id/archive", archive.stat],
  ["GET", "/containers/:id/archive", archive.read],
  ["PUT", "/containers/:id/archive", archive.write],

  ["POST", "/containers/:id/exec", execs.create],
  ["POST", "/exec/:id/start", execs.start, "hijacked"],
  ["POST", "/exec/:id/resize", execs.resize, "form"],
  ["GET", "/exec/:id/json", execs.inspect],

  ["GET", "/images/json", images.listing],
  ["POST", "/images/create", images.create],
  ["POST", "/images/load", images.load],
  ["POST", "/images/prune", images.prune, "form"],
  ["GET", "/images/get", images.sendImages],
  ["GET", "/images/search", registries.search],
  ["GET", "/images/*name/json", images.inspect],
  ["GET", "/images/*name/history", images.history],
  ["GET", "/images/*name/get", images.sendImages],
  ["POST", "/images/*name/push", images.push, "form"],
  ["POST", "/images/*name/tag", images.tag, "form"],
  ["DELETE", "/images/*name", images.remove],
  ["POST", "/commit", images.commit],
  ["POST", "/build/prune", buildCache.prune, "form"],
  ["POST", "/build", build],
  ["POST", "/build/cancel", builds.cancel, "form"],
  ["POST", "/berth/images/make", images.make],
  ["GET", "/berth/images/*name/layers", imageLayers.analyze],
  ["GET", "/berth/images/*name/layers/:number/entries", imageLayers.listEntries],
  ["GET", "/berth/images/*name/layers/:number/file", imageLayers.readFile],
  ["POST", "/berth/containers/:id/ports", containers.changePublished],
  ["GET", "/berth/containers/:id/files", archive.listFolder],
  ["GET", "/distribution/*name/json", registries.inspect],

  ["GET", "/networks", networks.listing],
  ["GET", "/networks/", networks.listing],
  ["POST", "/networks/create", networks.create],
  ["POST", "/networks/prune", networks.prune, "form"],
  ["POST", "/networks/:id/connect", networks.connect],
  ["POST", "/networks/:id/disconnect", networks.disconnect],
  ["GET", "/networks/:id", networks.inspect],
  ["DELETE", "/networks/:id", networks.remove],

  ["GET", "/volumes", volumes.listing],
  ["POST", "/volumes/create", volumes.create],
  ["POST", "/volumes/prune", volumes.prune, "form"],
  ["GET", "/volumes/:name", volumes.inspect],
  ["PUT", "/volumes/:name", system.noSwarm],
  ["DELETE", "/volumes/:name", volumes.remove],
  ["GET", "/berth/registries/:host/repositories", registries.repositories],
  ["GET", "/berth/registries/:host/tags", registries.remoteTags],
  ["DELETE", "/berth/registries/:host/manifest", registries.removeRemote],
  ["GET", "/berth/build/cache-mounts", cacheMounts.listCacheMounts],
  ["GET", "/berth/build/cache-mounts/export", cacheMounts.exportCacheMount],
  ["POST", "/berth/build/cache-mounts/import", cacheMounts.importCacheMount],
  ["GET", "/berth/volumes/:name/export", volumeTransfers.exportOne],
  ["GET", "/berth/volumes/:name/files", volumeTransfers.listVolumeFiles],
  ["GET", "/berth/volumes/:name/file", volumeTransfers.readFile],
  ["POST", "/berth/volumes/:name/import", volumeTransfers.importOne],
  ["POST", "/berth/volumes/:name/clone", volumeTransfers.clone],
  ["POST", "/berth/volumes/:name/rename", volumeTransfers.rename],

  ["GET", "/plugins", () => ({ status: 200, body: [] })],
  ["GET", "/plugins/*rest", system.noPlugins],
  ["POST", "/plugins/*rest", system.noPlugins],
  ["DELETE", "/plugins/*rest", system.noPlugins],
  ...["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap((noun): Route[] => [
    ["GET", `/${noun}`, system.noSwarm],
    ["POST", `/${noun}/*rest`, system.noSwarm],
    ["GET", `/${noun}/*rest`, system.noSwarm],
    ["DELETE", `/${noun}/*rest`, system.noSwarm],
  ]),
];
