import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { newBuildId } from "../../client/build/session.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { removeOnSignal } from "../remove-on-signal.ts";

/** Where a build's files are. */
export interface OpenContext {
  /** By the name that the builder asks for. */
  directories: Map<string, string>;
  /** Of the Dockerfile in its directory. */
  filename: string;
  /** As the user wrote it, for messages. */
  shownFile: string;
  /** The Dockerfile does not come with the context. */
  hasOwnDockerfile: boolean;
  /** Names the directories over several builds; "" for none. */
  sharedKey: string;
  /** The context is elsewhere: the address of a repository, of an archive or of a Dockerfile. */
  remote?: string;
  /** The context comes from standard input: an archive, or a Dockerfile alone. */
  upload?: { id: string; content: AsyncIterable<Uint8Array> };
  close(): void;
}

/**
 * @param path as given: a directory, an address, or "-"
 * @param file as given: "" for the usual one, "-" for standard input
 * @throws ExitError in Docker's words
 */
export function openContext(cli: Cli, path: string, file: string): OpenContext {
  if (path === "-") return fromInput(cli, file);
  if (isAddress(path)) return fromElsewhere(path, file);
  checkDirectory(path);
  const context = resolve(path);
  const sharedKey = `${basename(context)}:${hostname()}:${context}`;
  if (file === "-") {
    const content = readFileSync(0);
    const folder = mkdtempSync(join(tmpdir(), "berth-dockerfile-"));
    const forget = removeOnSignal(folder);
    writeFileSync(join(folder, "Dockerfile"), content);
    return {
      directories: new Map([
        ["context", context],
        ["dockerfile", folder],
      ]),
      ...{ filename: "Dockerfile", shownFile: "Dockerfile", hasOwnDockerfile: true, sharedKey },
      close() {
        forget();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  const dockerfile = file === "" ? join(context, "Dockerfile") : resolve(file);
  return {
    directories: new Map([
      ["context", context],
      ["dockerfile", dirname(dockerfile)],
    ]),
    filename: basename(dockerfile),
    shownFile: relative(process.cwd(), dockerfile) || dockerfile,
    hasOwnDockerfile: false,
    sharedKey,
    close() {},
  };
}

/** By its scheme, as `user@host:path`, or as a repository of GitHub's; what is there under that name is a directory all the same. */
function isAddress(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })) return false;
  if (path.startsWith("github.com/")) return true;
  return /^(?:https?|git|ssh):\/\//i.test(path) || /^[\w.-]+@[^/:]+:/.test(path);
}

function fromElsewhere(remote: string, file: string): OpenContext {
  if (file === "-") throw new ExitError(1, "a Dockerfile on standard input needs a directory as its context");
  const filename = file || "Dockerfile";
  return {
    ...{ directories: new Map(), filename, shownFile: filename, hasOwnDockerfile: false },
    ...{ sharedKey: "", remote, close() {} },
  };
}

function checkDirectory(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new ExitError(1, `unable to prepare context: path ${JSON.stringify(path)} not found`);
  if (stats.isDirectory()) return;
  const hint = `try: build -f ${path} ${dirname(path)}`;
  throw new ExitError(1, `unable to prepare context: ${path} is not a directory; ${hint}`);
}

function fromInput(cli: Cli, file: string): OpenContext {
  if (file === "-")
    throw new ExitError(1, "invalid argument: can't use stdin for both build context and dockerfile");
  return {
    directories: new Map(),
    filename: file || "Dockerfile",
    shownFile: file || "Dockerfile",
    hasOwnDockerfile: false,
    sharedKey: "",
    upload: { id: newBuildId(), content: cli.stdin as AsyncIterable<Uint8Array> },
    close() {},
  };
}
