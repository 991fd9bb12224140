import type { ExecCreateRequest, ExecInspect } from "../formats/docker-api/docker-api.ts";
import { encodeId } from "./encode-id.ts";
import type { ApiTransport } from "./transport.ts";

const at = (id: string) => `/exec/${encodeId("exec", id)}`;

export function execsOf(transport: ApiTransport) {
  return {
    create: (container: string, body: ExecCreateRequest) =>
      transport.json<{ Id: string }>("POST", `/containers/${encodeId("container", container)}/exec`, {
        body,
      }),
    inspect: (id: string) => transport.json<ExecInspect>("GET", `${at(id)}/json`),
    /** Starts it and gives its streams; the command runs from here on. */
    attach: (id: string, body: { Tty: boolean; ConsoleSize?: [number, number] | null }) =>
      transport.hijack(`${at(id)}/start`, { body: { Detach: false, ...body } }),
    start: (id: string, body: { Tty: boolean }) =>
      transport.json<void>("POST", `${at(id)}/start`, { body: { Detach: true, ...body } }),
    resize: (id: string, size: { rows: number; columns: number }) =>
      transport.json<void>("POST", `${at(id)}/resize`, { query: { h: size.rows, w: size.columns } }),
  };
}
