import { secondsOfFile } from "./test-time.ts";

/**
 * Loaded before each test file: ends a process that still has something open long after its tests should be over, such as a server of a
 * test that failed. Else the whole run would wait for it.
 */
const lifeMilliseconds = (secondsOfFile + 60) * 1000;

setTimeout(() => {
  console.error("the process of these tests did not end by itself");
  process.exit(1);
}, lifeMilliseconds).unref();
