import { statSync } from "node:fs";
import { hasCode, invalid } from "../../errors.ts";

/** "tcp://host:514" in its parts; without a scheme the scheme is "". */
export interface LogAddress {
  scheme: string;
  host: string;
  /** 0 where none is given. */
  port: number;
  /** Of a socket of this machine. */
  path: string;
}

/** @throws EngineError invalid in Go's words for a port that is none */
export function parseLogAddress(text: string): LogAddress {
  const [, scheme = "", rest = text] = /^([a-z0-9+]+):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme.startsWith("unix")) return { scheme, host: "", port: 0, path: rest };
  const [, host = rest, port = ""] = /^(\[[^\]]*\]|[^:/]*)(?::([^/]*))?\/?$/.exec(rest) ?? [];
  if (port !== "" && (!/^\d{1,5}$/.test(port) || Number(port) > 65535))
    throw invalid(`parse ${JSON.stringify(text)}: invalid port ${JSON.stringify(`:${port}`)} after host`);
  return { scheme, host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port), path: "" };
}

/** @throws EngineError invalid in Docker's words */
export function checkSocketPath(path: string): void {
  try {
    statSync(path);
  } catch (error) {
    throw invalid(
      `stat ${path}: ${hasCode(error, "ENOENT") ? "no such file or directory" : "cannot be read"}`,
      error,
    );
  }
}
