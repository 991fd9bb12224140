import { join } from "node:path";

/** While it is there, an engine that is stopped takes its network down: it is about to be uninstalled. */
export const takeDownMark = "/run/berth/take-down";

/** Bears the mark of an installation, by which its files are known again. */
export const mark = "# Written by `berth system install`; `berth system install --uninstall` removes it.";

export interface Program {
  /** Folder with the launcher `berth` and what it runs. */
  folder: string;
  /** The Node that runs it. */
  node: string;
  /** The engine also answers where Docker's would. */
  asDocker: boolean;
}

const supervisorUnit = "berth-supervisor.service";

/** Whose control group systemd leaves to the engine: those of the containers are in it. */
const containersUnit = "berth-containers.service";

const sections = (list: Record<string, string[]>) =>
  `${mark}\n${Object.entries(list)
    .map(([name, lines]) => `\n[${name}]\n${lines.join("\n")}\n`)
    .join("")}`;

/** Unit files (systemd.unit(5)) by name. Engine and supervisor are apart, so that nothing done to the first touches a container. */
export function formatUnits(program: Program): Record<string, string> {
  const { asDocker } = program;
  return {
    "berth.socket": formatSocket("/run/berth/berth.sock", "berth"),
    ...(asDocker && { "docker.socket": formatSocket("/run/docker.sock", "docker") }),
    "berth.service": formatEngine(program),
    [supervisorUnit]: formatSupervisor(program),
    [containersUnit]: formatContainers(),
  };
}

function formatSocket(path: string, group: string): string {
  return sections({
    Unit: [`Description=Socket of the berth container engine (${path})`],
    Socket: [
      `ListenStream=${path}`,
      "SocketMode=0660",
      "SocketUser=root",
      `SocketGroup=${group}`,
      "DirectoryMode=0711",
      "RemoveOnStop=yes",
      "Service=berth.service",
    ],
    Install: ["WantedBy=sockets.target"],
  });
}

/** systemd takes no program whose path has quotes or signs that it expands itself (systemd.service(5)). */
export const canRunFrom = (folder: string) => /^[\w/.+@:, -]+$/.test(folder);

const quote = (word: string) =>
  `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "$$$$")}"`;

const unbounded = ["LimitNOFILE=1048576", "LimitNPROC=infinity", "LimitCORE=infinity", "TasksMax=infinity"];

function formatEngine({ folder, asDocker }: Program): string {
  const sockets = ["berth.socket", ...(asDocker ? ["docker.socket"] : [])].join(" ");
  const stop = `exec '${join(folder, "berth")}' system stop --containers`;
  // An uninstall that was cut off would leave it, and the next restart of the engine end all containers.
  const takingDown = `{ rm -f ${takeDownMark}; ${stop}; }`;
  const stopping = `[ ! -e ${takeDownMark} ] || ${takingDown}; case $(systemctl is-system-running) in stopping) ${stop};; esac`;
  return sections({
    Unit: [
      "Description=berth container engine",
      `Requires=${sockets}`,
      `Wants=network-online.target ${supervisorUnit} ${containersUnit}`,
      `After=network-online.target nftables.service firewalld.service ${supervisorUnit} ${containersUnit} ${sockets}`,
      "StartLimitIntervalSec=60",
      "StartLimitBurst=5",
    ],
    Service: [
      "Type=notify",
      `Environment=BERTH_CGROUP_PARENT=/system.slice/${containersUnit}/${asDocker ? "docker" : "berth"}`,
      `Environment=BERTH_SUPERVISOR_UNIT=${supervisorUnit}`,
      `ExecStart=${quote(join(folder, "berth"))} daemon -H fd://`,
      "ExecReload=kill -HUP $MAINPID",
      // Containers are stopped with the machine, and not with the engine; before an uninstall none runs.
      `ExecStop=sh -c ${quote(stopping)}`,
      "TimeoutStopSec=5min",
      // A store of many records is read, and an older one is brought up to date.
      "TimeoutStartSec=10min",
      "Restart=always",
      "RestartSec=1",
      "KillMode=process",
      "Delegate=yes",
      "OOMScoreAdjust=-500",
      // `journalctl -u` follows no alias; this field is what it looks for besides.
      ...(asDocker ? ["LogExtraFields=OBJECT_SYSTEMD_UNIT=docker.service"] : []),
      ...unbounded,
    ],
    Install: ["WantedBy=multi-user.target", ...(asDocker ? ["Alias=docker.service"] : [])],
  });
}

function formatSupervisor({ folder, node }: Program): string {
  const main = join(folder, "dist/supervisor/main.js");
  const words = [node, "--max-semi-space-size=1", main, "/run/berth", "/var/lib/berth/spool"];
  return sections({
    Unit: [
      "Description=berth container supervisor",
      "Before=berth.service",
      "StartLimitIntervalSec=10",
      "StartLimitBurst=10",
    ],
    Service: [
      "Type=exec",
      "ExecStartPre=mkdir -p -m 0711 /run/berth",
      `ExecStart=${words.map(quote).join(" ")}`,
      // The engine starts it again, and without an engine it would have nothing to hold.
      "Restart=no",
      "KillMode=process",
      "KillSignal=SIGKILL",
      "SuccessExitStatus=SIGKILL",
      "Delegate=yes",
      "OOMScoreAdjust=-500",
      ...unbounded,
    ],
    Install: ["WantedBy=multi-user.target"],
  });
}

/**
 * It runs nothing. The supervisor's own group cannot hold the containers: on cgroup v2 no process may be started in a group
 * that has others below it, and so none in the place of a supervisor whose containers run on.
 */
function formatContainers(): string {
  return sections({
    Unit: ["Description=Control groups of the berth engine's containers", "Before=berth.service"],
    Service: [
      "Type=oneshot",
      // Its processes have a group of their own beside the containers', as that of ExecStart would not.
      "ExecStartPost=true",
      "ExecStop=true",
      "RemainAfterExit=yes",
      "Delegate=yes",
      // The engine ends containers, and nothing done to this unit does.
      "KillMode=process",
      "SendSIGKILL=no",
      "OOMPolicy=continue",
      "TasksMax=infinity",
    ],
    Install: ["WantedBy=multi-user.target"],
  });
}
