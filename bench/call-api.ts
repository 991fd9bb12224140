import { request } from "node:http";
import type { BenchEngine } from "./engine.ts";

/** @throws Error for a status of 400 and above */
export function callApi(engine: BenchEngine, method: string, path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socketPath = engine.host.slice("unix://".length);
    const text = body && JSON.stringify(body);
    const headers = text
      ? { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }
      : {};
    const sent = request({ socketPath, method, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const content = Buffer.concat(chunks).toString();
        if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${content}`));
        else resolve(content === "" ? undefined : JSON.parse(content));
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}
