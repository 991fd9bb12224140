import { check, declare } from "./libc.ts";
import { connectUnixDatagram } from "./unix-datagram.ts";

const fcntl = declare("int fcntl(int fd, int command, int argument)");
const setFlags = 2;
const closeOnExec = 1;
const firstDescriptor = 3;

/**
 * Takes the sockets that systemd has opened for this process (sd_listen_fds(3)), once. No process that we start gets them.
 * @returns descriptors that listen already
 */
export function takeListeningSockets(env: NodeJS.ProcessEnv): number[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count = "0" } = env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
  if (pid !== String(process.pid) || !/^\d{1,3}$/.test(count)) return [];
  const descriptors = Array.from({ length: Number(count) }, (_, n) => firstDescriptor + n);
  for (const fd of descriptors) check(fcntl(fd, setFlags, closeOnExec), "fcntl", String(fd));
  return descriptors;
}

/** What to tell systemd how far we are by (sd_notify(3)): without one that asks, nothing. Later processes don't have its address. */
export function createNotifier(env: NodeJS.ProcessEnv): (state: string) => void {
  const { NOTIFY_SOCKET: path } = env;
  delete env.NOTIFY_SOCKET;
  if (!path) return () => {};
  return (state) => {
    try {
      const socket = connectUnixDatagram(path);
      socket.send(Buffer.from(state));
      socket.close();
    } catch {
      // It no longer asks.
    }
  };
}
