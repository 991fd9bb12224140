import type { Storage } from "../../registry/storage.ts";
import { bool, type FlagValues, string } from "../flag.ts";

/** Where a registry keeps its data: the same for all commands on it. */
export const storageFlags = {
  root: string("", "Folder that holds everything", "/var/lib/registry", "path"),
  "s3-bucket": string("", "Keep everything in this bucket of S3 instead of a folder"),
  "s3-endpoint": string("", "URL of a service other than Amazon's", "", "url"),
  "s3-region": string("", "Region of the bucket (default $AWS_REGION or us-east-1)"),
  "s3-path-style": bool("", "Put the bucket's name into the path of URLs, as most other services want it"),
  "s3-prefix": string("", "Folder in the bucket that holds everything"),
  "s3-access-key-id": string("", "Access key (default: where the AWS SDK looks, such as $AWS_ACCESS_KEY_ID)"),
  "s3-secret-access-key": string(
    "",
    "Its secret; better in $AWS_SECRET_ACCESS_KEY, which other users do not see",
  ),
};

/** @throws EngineError or a system error, when the folder or the bucket cannot be used */
export async function openStorage(
  flags: FlagValues<typeof storageFlags>,
  env: Record<string, string | undefined>,
): Promise<Storage> {
  const bucket = flags["s3-bucket"];
  if (bucket === "") {
    const { openFolderStorage } = await import("../../registry/folder-storage.ts");
    return openFolderStorage(flags.root);
  }
  const { openS3Storage } = await import("../../registry/s3-storage.ts");
  const [accessKeyId, secretAccessKey] = [flags["s3-access-key-id"], flags["s3-secret-access-key"]];
  if ((accessKeyId === "") !== (secretAccessKey === "")) {
    throw new Error("--s3-access-key-id and --s3-secret-access-key go together");
  }
  return openS3Storage({
    bucket,
    region: flags["s3-region"] || env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1",
    isPathStyle: flags["s3-path-style"],
    ...(flags["s3-endpoint"] && { endpoint: flags["s3-endpoint"] }),
    ...(flags["s3-prefix"] && { prefix: flags["s3-prefix"] }),
    ...(accessKeyId && { credentials: { accessKeyId, secretAccessKey } }),
  });
}
