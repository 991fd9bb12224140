import { type BuildOptions, parseBuildOptions, type StepLimits } from "../build/options.ts";
import { invalid } from "../errors.ts";
import { hostConfigShape } from "../formats/docker-api/docker-api-host-config.ts";
import { decode } from "../formats/shape.ts";
import { entitlementsOf } from "../grpc/plain-build.ts";
import { checkResources } from "../runtime/resources.ts";
import { decodeJsonList, decodeJsonMap } from "./json-parameters.ts";
import type { ApiRequest } from "./request.ts";

/** What `POST /build` asks for, in its parameters. @throws EngineError invalid; forbidden in BuildKit's words */
export function readBuildOptions(request: ApiRequest): BuildOptions {
  const attributes = readBuildAttributes(request);
  const entitlements = entitlementsOf(attributes);
  request.engine.builder.checkEntitlements(entitlements);
  return { ...parseBuildOptions(attributes, entitlements), limits: readLimits(request) };
}

/** 0 and nothing mean no limit. @throws EngineError invalid in Docker's words */
function readLimits(request: ApiRequest): StepLimits {
  const limits = {
    Memory: request.number("memory") ?? 0,
    MemorySwap: request.number("memswap") ?? 0,
    CpuShares: request.number("cpushares") ?? 0,
    CpuPeriod: request.number("cpuperiod") ?? 0,
    CpuQuota: request.number("cpuquota") ?? 0,
    CpusetCpus: request.text("cpusetcpus"),
    CpusetMems: request.text("cpusetmems"),
  };
  checkResources(decode(hostConfigShape, limits));
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== 0 && value !== ""));
}

/** The same in BuildKit's words. @throws EngineError invalid */
export function readBuildAttributes(request: ApiRequest): Map<string, string> {
  const attributes = new Map<string, string>();
  const put = (key: string, value: string | undefined) => {
    if (value !== undefined && value !== "") attributes.set(key, value);
  };
  put("filename", request.text("dockerfile"));
  put("target", request.text("target"));
  put("platform", request.text("platform"));
  put("force-network-mode", request.text("networkmode"));
  put("cgroup-parent", request.text("cgroupparent"));
  if (request.flag("nocache")) attributes.set("no-cache", "");
  put("image-resolve-mode", request.flag("pull") ? "pull" : "default");
  if ((request.number("shmsize") ?? 0) > 0) put("shm-size", request.text("shmsize"));
  put(
    "add-hosts",
    request.query
      .getAll("extrahosts")
      .map((host) => host.replace(":", "="))
      .join(","),
  );
  for (const [key, value] of decodeJsonMap("buildargs", request.text("buildargs")))
    if (value !== null) attributes.set(`build-arg:${key}`, value);
  for (const [key, value] of decodeJsonMap("labels", request.text("labels")))
    attributes.set(`label:${key}`, value ?? "");
  const limits = decodeJsonList("ulimits", request.text("ulimits")).map((one) => {
    const { Name, Soft, Hard } = one as { Name?: unknown; Soft?: unknown; Hard?: unknown };
    if (typeof Name !== "string" || !Number.isInteger(Soft) || !Number.isInteger(Hard))
      throw invalid("invalid ulimits: a limit has a name, a soft and a hard value");
    return `${Name}=${Soft}:${Hard}`;
  });
  put("ulimit", limits.join(","));
  // Where it names no other, the client has sent the context.
  attributes.set("context", request.text("remote") || "archive");
  return attributes;
}
