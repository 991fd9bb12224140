import { posix } from "node:path";
import type { CommandForm, Run } from "../../dockerfile/instructions.ts";
import { parseRunMount, type RunMount } from "../../dockerfile/run-mount.ts";
import { readRunScript } from "../../dockerfile/run-script.ts";
import { invalid } from "../../errors.ts";
import { cleanPath } from "../../formats/bind-spec.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { canRun } from "../../sys/foreign-platforms.ts";
import { notePath, type RunMountNode, type RunNode } from "./nodes.ts";
import { planDevices } from "./plan-devices.ts";
import { countText } from "./plan-size.ts";
import { environmentOf, expandIn, proxiesOf, valueIn } from "./scope.ts";
import {
  absolutePath,
  addHistory,
  addStep,
  type Planning,
  type StagePlan,
  shellOf,
  workingDirectory,
} from "./stage.ts";

/** Plans a RUN. @throws EngineError invalid, forbidden */
export async function planRun(planning: Planning, stage: StagePlan, instruction: Run): Promise<void> {
  const { options } = planning;
  checkRunnable(stage);
  const expand = (word: string) => expandIn(stage.scope, word);
  const { args, files } = commandOf(stage, instruction.command);
  const mounts = await planMounts(planning, stage, instruction, expand);
  const network =
    instruction.network && instruction.network !== "default" ? instruction.network : options.network;
  checkAllowed(planning, instruction, network);
  const devices = await planDevices(planning, instruction);
  const node: RunNode = {
    kind: "run",
    name: "",
    range: instruction.range,
    base: stage.node,
    args,
    env: environmentOf(stage.scope),
    proxyEnv: proxiesOf(options.buildArgs),
    user: stage.settings.User ?? "",
    workingDir: workingDirectory(stage),
    hostname: options.hostname,
    network,
    isInsecure: instruction.security === "insecure",
    mounts: [...mounts, ...files],
    extraHosts: options.extraHosts,
    ulimits: options.ulimits,
    shmSizeBytes: options.shmSizeBytes,
    limits: options.limits,
    cgroupParent: options.cgroupParent,
    ...(devices.length > 0 && { devices }),
    ...(stage.ignoresCache && { ignoresCache: true }),
  };
  addStep(stage, node, instruction);
  const said = describeArgs(stage);
  addHistory(stage, `RUN ${said}${args.join(" ")} # buildkit`, {
    hasLayer: true,
    sourceDate: options.sourceDate,
  });
}

/** Arguments as the command saw them, in front of it. @throws EngineError invalid */
function describeArgs({ declaredArgs, scope }: StagePlan): string {
  if (declaredArgs.size === 0) return "";
  const given = [...declaredArgs].map((name) => [name, valueIn(scope, name) ?? scope.args.get(name) ?? ""]);
  for (const [name = "", value = ""] of given) countText(scope.size, name.length + value.length);
  return `|${given.length} ${given.map((pair) => pair.join("=")).join(" ")} `;
}

/** A script that says what runs it is a file that is mounted for the step. */
function commandOf(stage: StagePlan, command: CommandForm): { args: string[]; files: RunMountNode[] } {
  if (command.form === "exec") return { args: command.args, files: [] };
  const script = readRunScript(command);
  if (script.kind === "shell") return { args: [...shellOf(stage), script.text], files: [] };
  const { name, content } = script;
  const from = { kind: "inline" as const, name: "", files: [{ name, content, mode: 0o755 }] };
  const target = `/dev/pipes/${name}`;
  return {
    args: [...shellOf(stage), target],
    files: [{ type: "bind", target, from, source: name, isWritable: false }],
  };
}

async function planMounts(
  planning: Planning,
  stage: StagePlan,
  instruction: Run,
  expand: (word: string) => string,
): Promise<RunMountNode[]> {
  const planned: RunMountNode[] = [];
  for (const text of instruction.mounts) {
    planned.push(await planMount(planning, stage, instruction, parseRunMount(text, expand)));
  }
  return planned;
}

async function planMount(
  planning: Planning,
  stage: StagePlan,
  { range }: Run,
  mount: RunMount,
): Promise<RunMountNode> {
  const place = (path: string) => {
    const target = cleanPath(absolutePath(stage, path));
    if (target === "/") throw invalid('invalid mount target "/"');
    return target;
  };
  switch (mount.type) {
    case "bind": {
      const from = mount.from
        ? await planning.findSource(mount.from, stage, { range, mountedAt: mount.target })
        : planning.context;
      const source = sourcePath(mount.source);
      notePath(from, source);
      return { type: "bind", target: place(mount.target), from, source, isWritable: !mount.isReadOnly };
    }
    case "cache": {
      const from = mount.from
        ? await planning.findSource(mount.from, stage, { range, mountedAt: mount.target })
        : undefined;
      const target = place(mount.target);
      const { sharing, isReadOnly } = mount;
      const source = sourcePath(mount.source);
      if (from) notePath(from, source);
      const id = cacheId(planning, mount.id || target);
      return { type: "cache", target, id, from, sharing, source, isReadOnly, ...ownerOf(mount, 0o755) };
    }
    case "tmpfs":
      return { type: "tmpfs", target: place(mount.target), sizeBytes: mount.sizeBytes };
    case "secret": {
      const { id, env, isRequired } = mount;
      const target = mount.target === undefined ? undefined : place(mount.target);
      return { type: "secret", id, target, env, isRequired, ...ownerOf(mount, 0o400) };
    }
    case "ssh": {
      const { id, isRequired, target } = mount;
      return { type: "ssh", id, target: target && place(target), isRequired, ...ownerOf(mount, 0o600) };
    }
  }
}

const sourcePath = (path: string) => cleanPath(posix.join("/", path)).slice(1);

function ownerOf(given: { mode?: number; uid?: number; gid?: number }, mode: number) {
  return { mode: given.mode ?? mode, uid: given.uid ?? 0, gid: given.gid ?? 0 };
}

function cacheId({ options }: Planning, id: string): string {
  const namespace = options.buildArgs.get("BUILDKIT_CACHE_MOUNT_NS") ?? "";
  return `${namespace}/${id}`;
}

/** Before anything is done: the kernel would only say that it is no program. */
function checkRunnable({ platform }: StagePlan): void {
  if (canRun(platform)) return;
  throw invalid(
    `cannot run a command for ${formatPlatform(platform)} on this machine: exec format error; ` +
      "register an emulator with the kernel (binfmt_misc; Debian: qemu-user-static)",
  );
}

function checkAllowed({ options }: Planning, instruction: Run, network: RunNode["network"]): void {
  const allows = (name: string) => options.entitlements.has(name);
  if (network === "host" && !allows("network.host")) throw invalid("network.host is not allowed");
  if (instruction.security === "insecure" && !allows("security.insecure"))
    throw invalid("security.insecure is not allowed");
}
