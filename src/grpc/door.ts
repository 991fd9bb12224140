import type { Builder } from "../build/builder.ts";
import type { Images } from "../images/images.ts";
import type { Logger } from "../logger.ts";
import type { HistoryListeners } from "./history-listeners.ts";
import type { HistoryStore } from "./history-store.ts";
import type { Jobs } from "./jobs.ts";
import type { Sessions } from "./sessions.ts";

/** What BuildKit's API stands on. */
export interface Door {
  builder: Builder;
  images: Images;
  jobs: Jobs;
  sessions: Sessions;
  history: HistoryStore;
  historyListeners: HistoryListeners;
  logger: Logger;
  /** The engine's own version. */
  version: string;
  /** What `host-gateway` stands for. */
  hostGateway(): string | undefined;
}
