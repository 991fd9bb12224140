import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { ListedProcess } from "../supervisor-protocol/protocol.ts";
import { isFrozen, listCgroups, removeCgroup } from "../sys/cgroup.ts";
import { isAlive } from "../sys/process.ts";
import { removeTree } from "../trees/trees.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";
import { restoreContainer } from "./lifecycle/restore.ts";
import { lowerLayers } from "./rootfs.ts";
import { findStrayRunFiles, namesIn, type OtherProcesses } from "./run-files.ts";
import { cgroupOf, deleteFromRuntime, runtimeRootOf } from "./runtime-files.ts";

/** Compares the records with the supervisor, the kernel and the folders. */
export async function checkContainers(containers: Containers, others: OtherProcesses): Promise<Finding[]> {
  const list = await containers.supervisor.call("list", {});
  const held = new Map(list.map((one) => [one.process, one]));
  const perContainer = [...containers.byId.values()].flatMap((container) => [
    ...checkProcess(containers, container, held.get(container.record.id)),
    ...checkFiles(containers, container),
  ]);
  return [
    ...perContainer,
    ...checkHeld(containers, list, others.ids()),
    ...(await checkFolders(containers)),
    ...(await checkRunFiles(containers, held, others)),
    ...checkCgroups(containers, others.ids()),
  ];
}

const nameOf = ({ record }: Container) => `container ${record.name} (${record.id.slice(0, 12)})`;

function checkProcess(
  containers: Containers,
  container: Container,
  held: ListedProcess | undefined,
): Finding[] {
  const { state, startTicks } = container.record;
  // What there will be of it is there already, and the record does not yet say so.
  if (container.isStarting) return [];
  const finding = (problem: string): Finding[] => [
    { subject: nameOf(container), problem, repair: () => restoreContainer(containers, container) },
  ];
  if (state.Pid === 0) {
    if (held && !held.exit) return finding(`process ${held.pid} runs, and the record says "${state.Status}"`);
    return [];
  }
  if (!isAlive(state.Pid, startTicks)) return finding(`its process ${state.Pid} has ended unnoticed`);
  if (!container.isHeldStill && isFrozen(cgroupOf(containers, container)) !== state.Paused) {
    return finding(
      `the record says "${state.Status}", and its processes ${state.Paused ? "run" : "are frozen"}`,
    );
  }
  return held ? [] : finding(`the supervisor does not hold its process ${state.Pid}`);
}

function checkFiles(containers: Containers, container: Container): Finding[] {
  const { id, state } = container.record;
  const subject = nameOf(container);
  const findings: Finding[] = [];
  if (!existsSync(folderOf(containers, id))) {
    findings.push({ subject, problem: `its folder ${folderOf(containers, id)} is missing; remove it` });
  }
  try {
    const missing = lowerLayers(containers, container).filter((path) => !existsSync(path));
    for (const path of missing)
      findings.push({ subject, problem: `its layer ${path} is missing; remove it` });
  } catch (error) {
    findings.push({ subject, problem: `${messageOf(error)}; remove it` });
  }
  const left = [join(runtimeRootOf(containers, container), id), containers.launcher.bundleOf(id)];
  if (state.Pid === 0 && !container.isStarting && left.some((path) => existsSync(path))) {
    const repair = () => deleteFromRuntime(containers, container);
    findings.push({ subject, problem: "not running, but the runtime still has files of it", repair });
  }
  return findings;
}

/** What the supervisor holds is a container's or an exec's; the daemon forgets the latter when it ends, and they run on. */
function checkHeld(containers: Containers, list: ListedProcess[], others: readonly string[]): Finding[] {
  return list.flatMap(({ process, pid, exit }) => {
    if (!exit || containers.byId.has(process) || containers.execs.has(process)) return [];
    if (others.includes(process)) return [];
    return {
      subject: `process ${pid}`,
      problem: "it has ended, and the supervisor still keeps its exit",
      repair: () => containers.supervisor.call("forget", { process }),
    };
  });
}

async function checkFolders(containers: Containers): Promise<Finding[]> {
  const folder = join(containers.settings.root, "containers");
  const ids = await namesIn(folder);
  const setAside = new Set(containers.records.setAside());
  const coming = new Set(containers.reservedNames.values());
  return ids.flatMap((id): Finding[] => {
    if (containers.byId.has(id) || coming.has(id)) return [];
    const subject = `container folder ${join(folder, id)}`;
    if (setAside.has(id)) return [{ subject, problem: "its record could not be read and was set aside" }];
    const repair = () => removeTree(join(folder, id));
    return [{ subject, problem: "there is no record of it", repair }];
  });
}

async function checkRunFiles(
  containers: Containers,
  held: ReadonlyMap<string, ListedProcess>,
  others: OtherProcesses,
): Promise<Finding[]> {
  return (await findStrayRunFiles(containers, held, others)).map((path) => ({
    subject: path,
    problem: "no process has use for it",
    repair: () => rm(path, { recursive: true, force: true }),
  }));
}

function checkCgroups(containers: Containers, others: readonly string[]): Finding[] {
  const { cgroupParent, cgroupDriver } = containers.settings;
  // An empty scope is systemd's to remove, and others have theirs in the same slice.
  if (cgroupDriver === "systemd") return [];
  const live = new Set(
    [...containers.byId.values()]
      .filter(({ isStarting, record }) => isStarting || record.state.Pid > 0)
      .map((container) => cgroupOf(containers, container)),
  );
  return listCgroups(cgroupParent).flatMap((path): Finding[] => {
    if (live.has(path) || others.includes(basename(path))) return [];
    const repair = () => removeCgroup(path);
    return [{ subject: `cgroup ${path}`, problem: "no running container is in it", repair }];
  });
}
