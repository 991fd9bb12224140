// Runs inside a network namespace as a child with an IPC channel: serves ports there and asks others.
import dgram from "node:dgram";
import net from "node:net";

export type AgentCall =
  | { id: number; serve: "tcp" | "udp"; port: number; name: string }
  | { id: number; ask: "tcp" | "udp"; host: string; port: number; waitMilliseconds: number };

/** Answers every TCP connection and every datagram with its name and the address it sees the asker at; on IPv6 where there is any. */
function serve(protocol: "tcp" | "udp", port: number, name: string): Promise<string> {
  serveOn("::", protocol, port, name).catch(() => {});
  return serveOn("0.0.0.0", protocol, port, name);
}

function serveOn(address: string, protocol: "tcp" | "udp", port: number, name: string): Promise<string> {
  const ipv6Only = address === "::";
  return new Promise((resolve, reject) => {
    if (protocol === "tcp") {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        socket.end(`${name} sees ${socket.remoteAddress}`);
      });
      server.on("error", reject);
      server.listen({ port, host: address, ipv6Only }, () => resolve("serving"));
      return;
    }
    const socket = dgram.createSocket({ type: ipv6Only ? "udp6" : "udp4", ipv6Only });
    socket.on("error", reject);
    socket.on("message", (_, from) => socket.send(`${name} sees ${from.address}`, from.port, from.address));
    socket.bind(port, address, () => resolve("serving"));
  });
}

/** What came back, "silence", or the error's code. */
function ask(protocol: "tcp" | "udp", host: string, port: number, waitMilliseconds: number): Promise<string> {
  return new Promise((resolve) => {
    const silence = setTimeout(() => finish("silence"), waitMilliseconds);
    let stop = () => {};
    function finish(answer: string): void {
      clearTimeout(silence);
      stop();
      resolve(answer);
    }
    if (protocol === "tcp") {
      const socket = net.connect({ host, port });
      let text = "";
      stop = () => socket.destroy();
      socket.on("data", (bytes) => {
        text += bytes;
      });
      socket.on("end", () => finish(text));
      socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
      return;
    }
    const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
    const again = setInterval(() => socket.send("?"), 500);
    stop = () => {
      clearInterval(again);
      socket.close();
    };
    socket.on("message", (bytes) => finish(bytes.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.connect(port, host, () => socket.send("?"));
  });
}

process.on("message", (call: AgentCall) => {
  const answer =
    "serve" in call
      ? serve(call.serve, call.port, call.name)
      : ask(call.ask, call.host, call.port, call.waitMilliseconds);
  answer.then(
    (text) => process.send?.({ id: call.id, text }),
    (error) => process.send?.({ id: call.id, text: `failed: ${error.message}` }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ id: 0, text: "ready" });
