/** Why a step that several builds wait for was not done: the build that began it has gone, or its client has. The cause is the error. */
export class Abandoned extends Error {
  constructor(cause: unknown) {
    super("the build that began this step has gone", { cause });
    this.name = "Abandoned";
  }
}
