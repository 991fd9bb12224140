import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";

const mostRounds = 5;

/** Brings the write-ahead log's content into the database file, then ends. Writers go on meanwhile, so it may take some rounds. */
const database = new DatabaseSync(workerData as string);
database.exec("PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;");
for (let round = 0; round < mostRounds; round++) {
  const [seen] = database.prepare("PRAGMA wal_checkpoint(PASSIVE)").all();
  if (seen?.log === seen?.checkpointed) break;
}
database.close();
