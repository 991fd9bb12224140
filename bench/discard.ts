import { once } from "node:events";
import { createServer } from "node:http";

/**
 * What a docker client takes for an engine, and throws away the contexts that it is sent: the least that a build by the classic API can
 * take. @returns its end
 */
export async function startDiscarder(socketPath: string): Promise<() => void> {
  const server = createServer((request, response) => {
    response.setHeader("Api-Version", "1.47").setHeader("Ostype", "linux");
    const answer = request.url?.includes("/build") ? `${JSON.stringify({ stream: "" })}\r\n` : "{}";
    request.resume().on("end", () => response.setHeader("Content-Type", "application/json").end(answer));
  });
  await once(server.listen(socketPath), "listening");
  return () => void server.close();
}
