import { createSocket } from "node:dgram";
import { closeSync, openSync } from "node:fs";
import { decode, encode } from "dns-packet";
import { openNetnsSocket } from "../src/sys/netns-socket.ts";

/** The IPv4 addresses that a process is given for a name by 127.0.0.11; undefined without an answer in a second. */
export async function askName(pid: number, name: string): Promise<string[] | undefined> {
  const netns = openSync(`/proc/${pid}/ns/net`, "r");
  const fd = openNetnsSocket(netns, { protocol: "udp", family: 4 });
  closeSync(netns);
  const socket = createSocket("udp4");
  try {
    return await new Promise<string[] | undefined>((resolve) => {
      setTimeout(resolve, 1000, undefined).unref();
      socket.on("error", () => resolve(undefined));
      socket.on("message", (bytes) => {
        const { answers = [] } = decode(bytes);
        resolve(answers.flatMap((answer) => (answer.type === "A" ? answer.data : [])));
      });
      socket.bind({ fd }, () => {
        const query = encode({ type: "query", id: 1, questions: [{ name, type: "A" }] });
        socket.send(query, 53, "127.0.0.11", () => {});
      });
    });
  } finally {
    socket.close();
  }
}
