import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createClient } from "../../client/client.ts";
import { defaultHost } from "../../client/host.ts";
import { messageOf } from "../../errors.ts";
import { ExitError } from "../command.ts";
import { untilGone } from "../system/stop.ts";

/** What an installation asks of the machine that it is made on. */
export interface Machine {
  /** @returns false when there is such a group already */
  addGroup(name: string): Promise<boolean>;
  /** @returns false when none ran */
  stopBackgroundEngine(): Promise<boolean>;
  /** Starts units, now and with the machine. */
  enable(units: readonly string[]): Promise<void>;
  disable(units: readonly string[]): Promise<void>;
  /** An engine answers and has no container that runs. */
  isUnused(): Promise<boolean>;
  /** Has an engine take away its bridges, its packet filter and its supervisor, when none runs. @param launcher starts one for that */
  takeDown(launcher: string): Promise<void>;
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
      await client.stopEngine({ containers: false });
      await untilGone(client);
      return true;
    },
    async enable(units) {
      run("systemctl", ["daemon-reload"]);
      run("systemctl", ["enable", "--quiet", ...units]);
      run("systemctl", ["restart", ...units.filter(isOfEngine)]);
    },
    async disable(units) {
      // The supervisor goes on as long as containers run.
      const stopped = units.filter(isOfEngine);
      run("systemctl", ["disable", "--quiet", ...units]);
      run("systemctl", ["stop", ...stopped]);
    },
    async isUnused() {
      const client = await createClient({ host: defaultHost });
      const info = await client.info().catch(() => undefined);
      return info?.ContainersRunning === 0 && info.ContainersPaused === 0;
    },
    async takeDown(launcher) {
      run(launcher, ["start-engine"]);
      const client = await createClient({ host: defaultHost });
      await client.stopEngine({ containers: true });
      await untilGone(client);
    },
    async reload() {
      run("systemctl", ["daemon-reload"]);
    },
  };
}

/** The file system of a machine that does not run: an image, or one that is being made. */
export const restingMachine: Machine = {
  addGroup: async () => false,
  stopBackgroundEngine: async () => false,
  enable: async () => {},
  disable: async () => {},
  isUnused: async () => true,
  takeDown: async () => {},
  reload: async () => {},
};
