/** What the daemon answered with a status of 400 or more; `message` is its own text. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** The daemon could not be reached, or it hung up before it answered. */
export class ConnectionError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ConnectionError";
  }
}

export function explainConnectionError(host: string, error: NodeJS.ErrnoException): ConnectionError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new ConnectionError(
      `permission denied while trying to connect to the docker API at ${host}`,
      error,
    );
  }
  if (["ENOENT", "ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ETIMEDOUT"].includes(error.code ?? "")) {
    return new ConnectionError(
      `Cannot connect to the Docker daemon at ${host}. Is the docker daemon running?`,
      error,
    );
  }
  return new ConnectionError(`error during connect: ${error.message} (${host})`, error);
}
