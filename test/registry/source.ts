import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestBlob } from "./fixtures.ts";

/** An upstream that sends one blob as it is told. */
export class Source {
  /** Answers under way to `GET` of the blob. */
  readonly answers: ServerResponse[] = [];
  readonly server: Server;
  readonly url: Promise<string>;

  constructor({ digest, content }: TestBlob) {
    this.server = createServer((request, response) => {
      if (!request.url?.endsWith(`/blobs/${digest}`)) {
        response.writeHead(200).end("{}");
        return;
      }
      response.writeHead(200, { "Content-Length": content.length });
      if (request.method === "HEAD") response.end();
      else this.answers.push(response);
    });
    this.url = once(this.server.listen(0, "127.0.0.1"), "listening").then(
      () => `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
    );
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
