import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { messageOf, unavailable } from "../errors.ts";

export interface S3Config {
  bucket: string;
  /** URL of a service other than Amazon's. */
  endpoint?: string;
  region: string;
  /** The bucket in the path of a URL rather than in its host name. */
  isPathStyle: boolean;
  /** Folder in the bucket that holds everything. */
  prefix?: string;
  /** Left out, they come from where the AWS SDK looks: environment, ~/.aws, the machine's role. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** What the functions on one bucket work with. */
export interface Bucket {
  client: S3Client;
  name: string;
  /** The key in the bucket of a key in the storage. */
  keyOf(key: string): string;
}

/** @throws EngineError unavailable when it cannot be reached */
export async function openBucket(config: S3Config): Promise<Bucket> {
  const { bucket, endpoint, region, isPathStyle, prefix = "", credentials } = config;
  const client = new S3Client({
    region,
    forcePathStyle: isPathStyle,
    // One for each client that pulls.
    requestHandler: { httpAgent: { maxSockets: 1024 }, httpsAgent: { maxSockets: 1024 } },
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    // Content is checked by its digest, and not every service has the checksums of Amazon's.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const where = `bucket ${bucket}${endpoint ? ` at ${endpoint}` : ""}`;
  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
    throw unavailable(`${where} cannot be used: ${explain(error)}`, error);
  });
  const folder = prefix.replace(/^\/+|\/+$/g, "");
  return { client, name: bucket, keyOf: (key) => (folder ? `${folder}/${key}` : key) };
}

/** The service answers HEAD without a text, so its status has to tell. */
function explain(error: unknown): string {
  const status = httpStatusOf(error);
  if (status === 404) return "it does not exist; create it first";
  if (status === 403) return "access denied; see the access key, its secret and its rights";
  if (status === 301) return "it is in another region; name it with --s3-region";
  return messageOf(error) || `status ${status}`;
}

/** The HTTP status of a service's answer. */
export function httpStatusOf(error: unknown): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
