import { serveJobs } from "../sys/jobs.ts";
import type {
  BlobDownload,
  BlobUpload,
  Connection,
  DocumentRequest,
  DocumentResponse,
} from "./connection.ts";
import { openHttpTransport } from "./http-transport.ts";

export type NetworkJob =
  | { kind: "request"; connection: Connection; request: DocumentRequest }
  | { kind: "download"; download: BlobDownload }
  | { kind: "upload"; upload: BlobUpload };

export type NetworkResult = DocumentResponse | string | undefined;

const transport = openHttpTransport();

serveJobs<NetworkJob, NetworkResult>(async (job, signal) => {
  switch (job.kind) {
    case "request":
      return transport.request(job.connection, job.request, signal);
    case "upload":
      return transport.upload(job.upload, signal);
    case "download":
      await transport.download(job.download, signal);
      return undefined;
  }
});
