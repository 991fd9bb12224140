import type { ServerResponse } from "node:http";
import { BuildError } from "../build/build-error.ts";
import type { Build } from "../build/builder.ts";
import { readAnnotations } from "../build/export/annotations.ts";
import { exportImage } from "../build/export/image.ts";
import { archivePatience, nameArchive } from "../build/frontend/context-archive.ts";
import type { ProgressEvent } from "../build/progress.ts";
import { conflict, EngineError, invalid, messageOf, notFound } from "../errors.ts";
import { shortId } from "../formats/digest.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../formats/reference.ts";
import {
  decodeRegistryConfig,
  findLoginName,
  loginAddressOf,
  type RegistryAuth,
} from "../formats/registry-auth.ts";
import { readBuildOptions } from "./build-options.ts";
import { giveUpload, isUpload } from "./build-uploads.ts";
import { describeInClassicWords } from "./classic-failure.ts";
import { decodeJsonTexts } from "./json-parameters.ts";
import type { ApiRequest, Reply } from "./request.ts";
import { buildWithSession } from "./session-build.ts";

/** A message of the classic builder's stream. */
type Message =
  | { stream: string }
  | { aux: { ID: string } }
  | { errorDetail: { code?: number; message: string }; error: string };

/**
 * Builds from an archive in the request's body, as clients without BuildKit ask for it, and answers with the classic builder's words.
 * @throws EngineError invalid, before anything has been sent
 */
export async function build(request: ApiRequest): Promise<Reply | undefined> {
  const version = request.text("version");
  if (version === "2" && isUpload(request)) return giveUpload(request);
  if (version === "2" && request.text("session") !== "") return buildWithSession(request);
  if (version !== "" && version !== "1") throw invalid(`invalid version ${JSON.stringify(version)}`);
  if (request.flag("squash")) throw invalid("squash is only supported with experimental mode");
  const options = readBuildOptions(request);
  const names = request.query.getAll("t").filter((name) => name !== "");
  for (const name of names) parseReference(name);
  const cacheImages = readCacheImages(request);
  const { engine, signal } = request;
  let output: ServerResponse | undefined;
  const isQuiet = request.flag("q");
  const begin = () => (output ??= request.stream("application/json"));
  let isOver = false;
  const send = (message: Message) => void (isOver || begin().write(`${JSON.stringify(message)}\r\n`));
  const words = createWords(isQuiet ? () => {} : send);
  let running: Build | undefined;
  try {
    running = await engine.builder.prepare({
      options,
      sessionId: "",
      session: () => Promise.reject(notFound("no active session")),
      findCredentials: readLogins(request),
      ...(request.text("remote") === "" && {
        archive: { chunks: request.upload(archivePatience), key: nameArchive(names, options.filename) },
      }),
      cacheImages,
      report(event) {
        if (isOfBase(event)) begin();
        words.report(event);
      },
      signal,
    });
    const [image] = running.prepared.plans;
    if (!image || running.prepared.plans.length > 1)
      throw conflict("this builder builds for one platform at a time");
    words.expect(running);
    const solved = await running.solve(image);
    const sourceDate = options.sourceDate;
    const exported = await exportImage(engine.images, () => {}, {
      ...{ results: [{ image, ...solved }], names, sourceDate, hasIndex: false },
      annotations: readAnnotations(new Map()),
    });
    if (isQuiet) send({ stream: `${exported.digest}\n` });
    else announce(send, exported.digest, names);
  } catch (error) {
    if (!output && isMistake(error)) throw invalid(describeInClassicWords(error), error);
    if (!signal.aborted) send(describeFailure(error, running));
  } finally {
    isOver = true;
    running?.close();
  }
  if (output) end(output);
  return undefined;
}

/** As with dockerd the answer begins before base images are looked for, which may take minutes. */
const isOfBase = (event: ProgressEvent) =>
  event.kind === "vertex" && /\] load metadata for /.test(event.vertex.name);

/** A Dockerfile that cannot be read is an error of the request; what comes to light later is a line of the answer. */
const isMistake = (error: unknown) => error instanceof EngineError && error.kind === "invalid";

/** The logins of the header X-Registry-Config. */
function readLogins({ input }: ApiRequest): (domain: string) => RegistryAuth | undefined {
  const auths = decodeRegistryConfig(String(input.headers["x-registry-config"] ?? ""));
  return (domain) => {
    const name = findLoginName([...auths.keys()], loginAddressOf(domain));
    return name === undefined ? undefined : auths.get(name);
  };
}

const mostCacheImages = 100;

function readCacheImages(request: ApiRequest): string[] {
  const names = decodeJsonTexts("cachefrom", request.text("cachefrom"));
  if (names.length > mostCacheImages) throw invalid(`invalid cachefrom: more than ${mostCacheImages} images`);
  return names.filter((name) => name !== "");
}

function end(output: ServerResponse): void {
  if (!output.destroyed) output.end();
}

function announce(send: (message: Message) => void, id: string, names: readonly string[]): void {
  send({ aux: { ID: id } });
  send({ stream: `Successfully built ${shortId(id)}\n` });
  for (const name of names)
    send({ stream: `Successfully tagged ${formatFamiliar(withDefaultTag(parseReference(name)))}\n` });
}

function describeFailure(error: unknown, running: Build | undefined): Message {
  const code = error instanceof BuildError ? error.exitCode : undefined;
  const [, command = ""] =
    /^process "(.*)" did not complete successfully: exit code: \d+$/s.exec(messageOf(error)) ?? [];
  const message =
    code !== undefined && running
      ? `The command '${command}' returned a non-zero code: ${code}`
      : describeInClassicWords(error);
  return { errorDetail: { ...(code !== undefined && { code }), message }, error: message };
}

/** Of one step's output; the rest is left out, as for clients with BuildKit. */
const largestLogBytes = 2 * 1024 * 1024;

/** Turns a build's progress into the classic builder's words: a line for each step, and what its command prints. */
function createWords(send: (message: Message) => void) {
  const begun = new Set<string>();
  /** Bytes of each step's output. */
  const printed = new Map<string, number>();
  let total = 0;
  const write = (text: string) => send({ stream: text });

  function begin(digest: string, name: string): void {
    const [, text] = /^\[[^\]]*\d+\/\d+\] (.*)$/s.exec(name) ?? [];
    if (text === undefined || begun.has(digest)) return;
    begun.add(digest);
    write(`Step ${begun.size}/${Math.max(total, begun.size)} : ${text}`);
    write("\n");
  }

  return {
    report(event: ProgressEvent): void {
      if (event.kind === "log") {
        const { vertex, data } = event.log;
        const before = printed.get(vertex) ?? 0;
        printed.set(vertex, before + data.length + 64);
        if (before > largestLogBytes) return;
        const text = data.toString();
        write(event.log.stream === "stderr" ? `\u001b[91m${text}\u001b[0m` : text);
      }
      if (event.kind !== "vertex") return;
      const { digest, name, started, completed, cached, error } = event.vertex;
      if (started !== undefined) begin(digest, name);
      if (!begun.has(digest) || completed === undefined || error !== undefined) return;
      if (cached && !/\] FROM /.test(name)) write(" ---> Using cache\n");
      write(` ---> ${digest.slice("sha256:".length, "sha256:".length + 12)}\n`);
    },
    expect({ prepared }: Build): void {
      total = prepared.plans.reduce((sum, { steps }) => sum + steps, 0);
    },
  };
}
