import * as archive from "./archive.ts";
import * as attach from "./attach.ts";
import * as containers from "./containers.ts";
import * as images from "./images.ts";
import * as networks from "./networks.ts";
import * as registries from "./registries.ts";
import type { Handler } from "./request.ts";
import * as system from "./system.ts";
import * as volumes from "./volumes.ts";

export type Route = [method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE", path: string, handler: Handler];

/**
 * Every operation of the API: method, path below the version, handler. The first that fits serves. `:id` stands for one
 * segment of the path, `*name` for one or more.
 */
export const routes: Route[] = [
  ["GET", "/_ping", system.ping],
  ["HEAD", "/_ping", system.pingHead],
  ["GET", "/version", system.version],
  ["GET", "/info", system.info],
  ["GET", "/events", system.events],
  ["GET", "/system/df", system.df],
  ["GET", "/berth/system/check", system.check],
  ["POST", "/berth/system/repair", system.repair],
  ["POST", "/berth/system/stop", system.stop],
  ["POST", "/auth", registries.auth],

  ["GET", "/containers/json", containers.list],
  ["POST", "/containers/create", containers.create],
  ["POST", "/containers/prune", containers.prune],
  ["GET", "/containers/:id/json", containers.inspect],
  ["GET", "/containers/:id/top", containers.top],
  ["GET", "/containers/:id/logs", attach.logs],
  ["GET", "/containers/:id/changes", archive.changes],
  ["GET", "/containers/:id/export", archive.exportAll],
  ["GET", "/containers/:id/stats", system.notYet("stats")],
  ["POST", "/containers/:id/resize", containers.resize],
  ["POST", "/containers/:id/start", containers.start],
  ["POST", "/containers/:id/stop", containers.stop],
  ["POST", "/containers/:id/restart", containers.restart],
  ["POST", "/containers/:id/kill", containers.kill],
  ["POST", "/containers/:id/update", containers.update],
  ["POST", "/containers/:id/rename", containers.rename],
  ["POST", "/containers/:id/pause", containers.pause],
  ["POST", "/containers/:id/unpause", containers.unpause],
  ["POST", "/containers/:id/attach", attach.attach],
  ["POST", "/containers/:id/wait", containers.wait],
  ["DELETE", "/containers/:id", containers.remove],
  ["HEAD", "/containers/:id/archive", archive.stat],
  ["GET", "/containers/:id/archive", archive.read],
  ["PUT", "/containers/:id/archive", archive.write],

  ["POST", "/containers/:id/exec", attach.execCreate],
  ["POST", "/exec/:id/start", attach.execStart],
  ["POST", "/exec/:id/resize", attach.execResize],
  ["GET", "/exec/:id/json", attach.execInspect],

  ["GET", "/images/json", images.list],
  ["POST", "/images/create", images.create],
  ["POST", "/images/load", images.load],
  ["POST", "/images/prune", images.prune],
  ["GET", "/images/get", images.save],
  ["GET", "/images/search", registries.search],
  ["GET", "/images/*name/json", images.inspect],
  ["GET", "/images/*name/history", images.history],
  ["GET", "/images/*name/get", images.save],
  ["POST", "/images/*name/push", images.push],
  ["POST", "/images/*name/tag", images.tag],
  ["DELETE", "/images/*name", images.remove],
  ["POST", "/commit", images.commit],
  ["POST", "/build/prune", system.pruneBuilds],
  ["POST", "/build", system.notYet("build")],
  ["POST", "/berth/images/make", images.make],
  ["GET", "/distribution/*name/json", registries.inspect],

  ["GET", "/networks", networks.list],
  ["POST", "/networks/create", networks.create],
  ["POST", "/networks/prune", networks.prune],
  ["POST", "/networks/:id/connect", system.notYet("network connect")],
  ["POST", "/networks/:id/disconnect", system.notYet("network disconnect")],
  ["GET", "/networks/:id", networks.inspect],
  ["DELETE", "/networks/:id", networks.remove],

  ["GET", "/volumes", volumes.list],
  ["POST", "/volumes/create", volumes.create],
  ["POST", "/volumes/prune", volumes.prune],
  ["GET", "/volumes/:name", volumes.inspect],
  ["DELETE", "/volumes/:name", volumes.remove],

  ["GET", "/plugins", () => ({ status: 200, body: [] })],
  ...["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap((noun): Route[] => [
    ["GET", `/${noun}`, system.noSwarm],
    ["POST", `/${noun}/*rest`, system.noSwarm],
    ["GET", `/${noun}/*rest`, system.noSwarm],
  ]),
];
