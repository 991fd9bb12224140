import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { ApiTransport } from "./transport.ts";

/** What `RUN --mount=type=cache` keeps under a name. */
export interface CacheMountSummary {
  ID: string;
  Name: string;
  Description: string;
  InUse: boolean;
  /** Bytes on the disk. */
  Size: number;
  UsageCount: number;
  /** RFC 3339. */
  CreatedAt: string;
  LastUsedAt: string;
}

const path = "/berth/build/cache-mounts";

export function cacheMountsOf(transport: ApiTransport) {
  return {
    list: () => transport.json<CacheMountSummary[]>("GET", path),
    /** A tar of what is in it. @param name or its id. The caller reads or destroys it. */
    export: (name: string): Promise<IncomingMessage> =>
      transport.stream("GET", `${path}/export`, { query: { name } }),
    /** One with what a tar has, compressed or not. With `replace` others of that name go. */
    import: (name: string, tar: Readable, options: { replace?: boolean; namespace?: string } = {}) =>
      transport.json<CacheMountSummary>("POST", `${path}/import`, {
        query: {
          name,
          replace: options.replace || undefined,
          namespace: options.namespace || undefined,
        },
        stream: tar,
        headers: { "Content-Type": "application/x-tar" },
      }),
  };
}
