import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../client/client.ts";
import { defaultHost } from "../../client/host.ts";
import { messageOf } from "../../errors.ts";
import { ExitError } from "../command.ts";
import { untilGone } from "../system/stop.ts";
import { takeDownMark } from "./units.ts";

/** What an installation asks of the machine that it is made on. */
export interface Machine {
  /** @returns false when there is such a group already */
  addGroup(name: string): Promise<boolean>;
  /** @returns false when none ran */
  stopBackgroundEngine(): Promise<boolean>;
  /** Starts units, now and with the machine. */
  enable(units: readonly string[]): Promise<void>;
  /** @param takesDown the engine takes its bridges, its packet filter and its supervisor with it */
  disable(units: readonly string[], takesDown: boolean): Promise<void>;
  /** An engine answers and has no container that runs. */
  isUnused(): Promise<boolean>;
  /** @throws ExitError where the engine would not start as a service, with this configuration file in the place of its own */
  checkConfig(launcher: string, configFile?: string): void;
  reload(): Promise<void>;
}

function run(program: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (error) throw new ExitError(1, `${program}: ${messageOf(error)}`);
  if (status !== 0)
    throw new ExitError(1, `${program} ${words.join(" ")}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

const succeeds = (program: string, words: readonly string[]) => spawnSync(program, words).status === 0;

/** How long an uninstall waits for an engine that does not answer. */
const patienceMilliseconds = 10_000;

const isOfEngine = (unit: string) => unit !== "berth-supervisor.service";

/** @throws ExitError where systemd does not run */
export function openMachine(): Machine {
  if (!existsSync("/run/systemd/system"))
    throw new ExitError(
      1,
      "systemd does not run on this machine: start `berth daemon` by what runs its services, or write the files for another with --root",
    );
  return {
    async addGroup(name) {
      if (succeeds("getent", ["group", name])) return false;
      run("groupadd", ["--system", name]);
      return true;
    },
    async stopBackgroundEngine() {
      if (succeeds("systemctl", ["is-active", "--quiet", "berth.service"])) return false;
      const client = await createClient({ host: defaultHost });
      const isThere = await client.ping().then(
        () => true,
        () => false,
      );
      if (!isThere) return false;
      await untilGone(client, await client.stopEngine({ containers: false }));
      return true;
    },
    async enable(units) {
      run("systemctl", ["daemon-reload"]);
      run("systemctl", ["enable", "--quiet", ...units]);
      // Of an uninstall that was cut off.
      rmSync(takeDownMark, { force: true });
      run("systemctl", ["restart", ...units.filter(isOfEngine)]);
    },
    async disable(units, takesDown) {
      // The supervisor goes on as long as containers run.
      const stopped = units.filter(isOfEngine);
      run("systemctl", ["disable", "--quiet", ...units]);
      if (takesDown) writeFileSync(takeDownMark, "");
      try {
        run("systemctl", ["stop", ...stopped]);
      } finally {
        rmSync(takeDownMark, { force: true });
      }
    },
    async isUnused() {
      const client = await createClient({ host: defaultHost });
      const asked = client.info().catch(() => undefined);
      const info = await Promise.race([asked, sleep(patienceMilliseconds, undefined, { ref: false })]);
      return info?.ContainersRunning === 0 && info.ContainersPaused === 0;
    },
    checkConfig: checkService,
    async reload() {
      run("systemctl", ["daemon-reload"]);
    },
  };
}

/** As `Machine.checkConfig`. */
export function checkService(launcher: string, configFile?: string): void {
  const words = ["daemon", "-H", "fd://", "--validate"];
  if (configFile !== undefined && existsSync(configFile)) words.push("--config-file", configFile);
  const { status, stderr, error } = spawnSync(launcher, words, { encoding: "utf8" });
  if (status === 0) return;
  const reason = error ? messageOf(error) : stderr.trim().split("\n").at(-1);
  throw new ExitError(1, `the engine would not start as a service (-H fd://): ${reason}`);
}

/** The file system of a machine that does not run: an image, or one that is being made. */
export const restingMachine: Machine = {
  addGroup: async () => false,
  stopBackgroundEngine: async () => false,
  enable: async () => {},
  disable: async () => {},
  isUnused: async () => false,
  checkConfig: () => {},
  reload: async () => {},
};
