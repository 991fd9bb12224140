import { createServer, type RequestListener, type Server } from "node:http";
import type { OpenEngine } from "../engine/engine.ts";
import { invalid, messageOf } from "../errors.ts";
import { metricsType } from "../metrics/metrics.ts";
import { describeMetrics } from "../system/metrics.ts";
import { parseUiAddress, type UiAddress } from "../ui/listen.ts";

const mostConnections = 64;

/** @throws EngineError invalid */
export function parseMetricsFlag(text: string): UiAddress {
  try {
    return parseUiAddress(text);
  } catch (error) {
    throw invalid(`invalid --metrics-addr "${text}": ${messageOf(error)}`, error);
  }
}

/**
 * Serves `GET /metrics` to Prometheus (text format 0.0.4), and nothing else. As with dockerd, all who reach the address may read.
 * @throws EngineError invalid when nothing can listen there
 */
export async function serveMetrics(engine: OpenEngine, { host, port }: UiAddress): Promise<Server> {
  const server = createServer(
    { headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 1000 },
    answer(engine),
  );
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(invalid(`cannot serve metrics: ${messageOf(error)}`, error)));
    server.listen(port, host, resolve);
  });
  engine.logger.info({ address: server.address() }, "serving metrics");
  return server;
}

function answer({ containers, config, logger }: OpenEngine): RequestListener {
  return ({ method = "", url = "" }, output) => {
    const isRead = method === "GET" || method === "HEAD";
    if (url.split("?")[0] !== "/metrics") return output.writeHead(404).end("404 page not found\n");
    if (!isRead) return output.writeHead(405, { Allow: "GET, HEAD" }).end();
    try {
      const text = describeMetrics(containers, config.id);
      return output.writeHead(200, { "Content-Type": metricsType }).end(text);
    } catch (error) {
      // Such as a lack of descriptors: nothing else would catch it, and the engine would end.
      logger.warn({ error }, "the metrics could not be read");
      return output.writeHead(500).end("the metrics could not be read\n");
    }
  };
}
