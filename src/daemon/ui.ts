import { join } from "node:path";
import { createClient } from "../client/client.ts";
import type { OpenEngine } from "../engine/engine.ts";
import { invalid } from "../errors.ts";
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
  let token: string | undefined;
  let url: string | undefined;
  const ui = createUi({
    client: await createClient({ host }),
    ...{ isTls: false, isReadOnly: false, hostNames: [], checkPassword: undefined },
    stateFolder: join(engine.config.root, "ui"),
    announce(next) {
      token = next;
      if (url)
        engine.logger.info({ url: `${url}#${next}` }, "a login to the web page; another browser opens");
    },
  });
  const listening = await listenUi(ui, flags.ui, undefined);
  url = listening.url;
  engine.logger.info({ url: `${url}#${token}` }, "the web page is served; open");
  return {
    close() {
      ui.close();
      listening.server.close();
      listening.server.closeAllConnections();
    },
  };
}
