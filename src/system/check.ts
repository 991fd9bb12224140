import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Builder } from "../build/builder.ts";
import { checkContainers } from "../containers/check.ts";
import type { Containers } from "../containers/containers.ts";
import { sandboxOwners } from "../containers/sandbox.ts";
import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { CheckFinding } from "../formats/docker-api/docker-api-system.ts";
import { detach } from "../sys/mount.ts";

/** What is looked over. */
export interface Subject {
  containers: Containers;
  builder: Builder;
}

/**
 * Together longer than anything is on its way between kernel and records: a link on its way out, an exit to be taken note of. Most
 * of it has arrived after the first.
 */
const settlingMilliseconds = [150, 350, 1000];

/**
 * Compares records, kernel, supervisor and file system. What is under way looks wrong for a moment, so only what is found each
 * time is reported.
 */
async function findAll(subject: Subject): Promise<Finding[]> {
  let findings = await survey(subject);
  for (const milliseconds of settlingMilliseconds) {
    if (findings.length === 0) return [];
    await setTimeout(milliseconds);
    const known = new Set(findings.map(keyOf));
    findings = (await survey(subject)).filter((finding) => known.has(keyOf(finding)));
  }
  return findings;
}

const keyOf = ({ subject, problem }: Finding) => `${subject}: ${problem}`;

async function survey({ containers, builder }: Subject): Promise<Finding[]> {
  const { byId, reservedNames, records } = containers;
  const owners = new Set([...byId.keys(), ...reservedNames.values(), ...records.setAside()]);
  const lists = await Promise.all([
    containers.state.check(),
    containers.images.check(owners),
    containers.volumes.check(),
    checkContainers(containers, builder.processes),
    containers.networks.check(() => [...sandboxOwners(containers), ...builder.processes.sandboxOwners()]),
    builder.check(),
    checkMounts(containers),
  ]);
  return lists.flat();
}

/** A container's root file system is mounted for that container alone. On the host only volumes are mounted, while containers run with them. */
function checkMounts({ settings, volumes }: Containers): Finding[] {
  const expected = new Set(volumes.mountedDirectories());
  const targets = readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const isOurs = (path: string) =>
    [settings.root, settings.execRoot].some((root) => path.startsWith(`${root}/`));
  return targets
    .filter((path) => isOurs(path) && !expected.has(path))
    .map((path) => ({
      subject: `mount ${path}`,
      problem: "nothing of it should be mounted here",
      repair: () => detach(path),
    }));
}

/** @param repair repairs what can be repaired, and says for each whether it did */
export async function checkSystem(subject: Subject, repair: boolean): Promise<CheckFinding[]> {
  const findings = await findAll(subject);
  if (!repair) return findings.map((finding) => describe(finding, finding.repair ? "possible" : "manual"));
  const outcomes: CheckFinding[] = [];
  for (const finding of findings) outcomes.push(await repairOne(finding));
  const left = new Set((await findAll(subject)).map(keyOf));
  return outcomes.map((outcome) => {
    const isLeft = left.has(`${outcome.Subject}: ${outcome.Problem}`);
    return isLeft && outcome.Repair === "done" ? { ...outcome, Repair: "failed" } : outcome;
  });
}

async function repairOne(finding: Finding): Promise<CheckFinding> {
  if (!finding.repair) return describe(finding, "manual");
  try {
    await finding.repair();
    return describe(finding, "done");
  } catch (error) {
    return { ...describe(finding, "failed"), Reason: messageOf(error) };
  }
}

function describe({ subject, problem }: Finding, outcome: CheckFinding["Repair"]): CheckFinding {
  return { Subject: subject, Problem: problem, Repair: outcome };
}
