import type { Builder } from "../build/builder.ts";
import type { Images } from "../images/images.ts";
import type { Jobs } from "./jobs.ts";
import type { Sessions } from "./sessions.ts";

/** What BuildKit's API stands on. */
export interface Door {
  builder: Builder;
  images: Images;
  jobs: Jobs;
  sessions: Sessions;
  /** The engine's own version. */
  version: string;
  /** What `host-gateway` stands for. */
  hostGateway(): string | undefined;
}
