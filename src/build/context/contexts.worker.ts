import { serveJobs } from "../../sys/jobs.ts";
import { type ArchiveOrder, type StoredArchive, storeArchive } from "./store-archive.ts";

serveJobs<ArchiveOrder, StoredArchive>(storeArchive);
