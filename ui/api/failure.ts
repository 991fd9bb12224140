/** An answer that is an error: the engine's own sentence. */
export class Failure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
