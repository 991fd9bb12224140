import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "../client/client.ts";
import type { OpenEngine } from "../engine/engine.ts";
import { invalid, messageOf } from "../errors.ts";
import { listenUi } from "../ui/listen.ts";
import { createUi } from "../ui/ui.ts";
import type { DaemonFlags } from "./flags.ts";

/** The web page of `--ui`, until it is closed. */
export interface DaemonUi {
  close(): void;
}

/** It comes in by the engine's own socket, like any client. */
export async function openDaemonUi(engine: OpenEngine, flags: DaemonFlags): Promise<DaemonUi | undefined> {
  if (!flags.ui) return undefined;
  const host = flags.hosts.find(({ kind }) => kind === "unix")?.text;
  if (!host) throw invalid("--ui needs a unix socket: add one with --host unix://PATH");
  const file = join(engine.config.execRoot, "ui-login");
  let token = "";
  let url: string | undefined;
  const ui = createUi({
    client: await createClient({ host }),
    ...{ isTls: false, isReadOnly: false, hostNames: [], checkPassword: undefined },
    stateFolder: join(engine.config.root, "ui"),
    announce(next) {
      token = next;
      if (url === undefined) return;
      offer(`${url}#${next}`);
      engine.logger.info(
        { file },
        "a login to the web page; the address for another browser is in this file",
      );
    },
  });
  function offer(address: string): void {
    try {
      writeForRoot(file, `${address}\n`);
    } catch (error) {
      engine.logger.error({ error: messageOf(error), file }, "the web page's address could not be written");
    }
  }
  const listening = await listenUi(ui, flags.ui, undefined);
  url = listening.url;
  offer(`${url}#${token}`);
  engine.logger.info(
    { url, file },
    "the web page is served; the address to open, with its token, is in this file",
  );
  return {
    close() {
      ui.close();
      rmSync(file, { force: true });
      listening.server.close();
      listening.server.closeAllConnections();
    },
  };
}

/** More people read an engine's log, and for longer, than may log in. It is replaced as a whole. */
function writeForRoot(path: string, text: string): void {
  const made = `${path}.new`;
  rmSync(made, { force: true });
  writeFileSync(made, text, { mode: 0o600, flag: "wx" });
  renameSync(made, path);
}
