export class EmptyNameError extends Error {}

/** @throws Error in Docker's words when there is neither a name nor an id */
export function checkId(kind: string, nameOrId: string): void {
  if (nameOrId.trim() === "") throw new EmptyNameError(`invalid ${kind} name or ID: value is empty`);
}

/** A name or an id as a segment of a path: an empty one would make another path. @throws Error in Docker's words */
export function encodeId(kind: string, nameOrId: string): string {
  checkId(kind, nameOrId);
  return encodeURIComponent(nameOrId);
}
