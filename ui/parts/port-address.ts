/**
 * Where a published port of TCP is opened.
 * @param ip where it is published; undefined for all addresses of the machine: then it is where this page is
 * @param pageHost as `location.hostname` has it, an address of IPv6 in its brackets
 */
export function addressOfPort(ip: string | undefined, port: number, pageHost: string): string {
  const host = ip === undefined ? pageHost : ip.includes(":") ? `[${ip}]` : ip;
  return `http://${host}:${port}/`;
}
