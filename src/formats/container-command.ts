/**
 * The COMMAND column of `docker ps`, out of the path and the arguments. As Docker, which quotes an argument that has a blank in it, and no
 * more: it is to be looked at, and not to be run.
 */
export function formatCommand([path = "", ...args]: readonly string[]): string {
  return [path, ...args.map((word) => (word.includes(" ") ? `'${word}'` : word))].join(" ");
}
