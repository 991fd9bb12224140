import { realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { GrpcError } from "../../buildkit/wire/status.ts";
import { type BuildOrder, requestBuild } from "../../client/build/build.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { proxyEnv } from "../container/proxy-env.ts";
import { bool, bytes, commaList, repeated, string } from "../flag.ts";
import { attestationsOf, exporterAnnotationsOf } from "./build-attestations.ts";
import { cachesOf } from "./build-caches.ts";
import { type OpenContext, openContext } from "./build-context.ts";
import { describeBuildError } from "./build-error.ts";
import { checkOnError, createVisits } from "./build-failed-step.ts";
import { writeMetadata } from "./build-metadata.ts";
import { namedContextsOf } from "./build-named-contexts.ts";
import { agentsOf, credentialsFor, secretsOf } from "./build-offers.ts";
import { outputsOf } from "./build-outputs.ts";
import { createBuildView } from "./build-view.ts";

const flagTable = {
  "add-host": repeated("", "Add a custom host-to-IP mapping (host:ip)"),
  allow: repeated("", "Allow extra privileged entitlement (e.g., network.host, security.insecure, device)"),
  annotation: repeated("", 'Add annotation to the image (e.g., "index:org.example.key=value")'),
  attest: repeated("", 'Attestation parameters (format: "type=provenance,mode=max")'),
  "build-arg": repeated("", "Set build-time variables"),
  "build-context": repeated("", "Additional build contexts (e.g., name=path)"),
  builder: string("", 'The builder: this engine has one, "default"'),
  "cache-from": repeated("", 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
  "cache-to": repeated(
    "",
    'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")',
  ),
  call: string("", 'Set method for evaluating build ("check", "outline", "targets")', "build"),
  "cgroup-parent": string("", "Set the parent cgroup for the RUN instructions during build"),
  check: bool("", 'Shorthand for "--call=check"'),
  compress: { ...bool("", "Only what a build asks for is sent"), isHidden: true },
  file: string("f", 'Name of the Dockerfile (default: "PATH/Dockerfile")'),
  "force-rm": { ...bool("", "No step leaves a container behind"), isHidden: true },
  iidfile: string("", "Write the image ID to a file"),
  label: repeated("", "Set metadata for an image"),
  load: bool("", 'Shorthand for "--output=type=docker"'),
  "metadata-file": string("", "Write what is known of the build to a file"),
  network: string("", "Set the networking mode for the RUN instructions during build", "default"),
  "no-cache": bool("", "Do not use cache when building the image"),
  "no-cache-filter": repeated("", "Do not cache specified stages"),
  "on-error": string("", 'What to do when a RUN step fails ("shell": open a shell with the files it left)'),
  output: repeated("o", 'Output destination (format: "type=local,dest=path")'),
  platform: commaList("", "Set target platform for build"),
  provenance: string(
    "",
    'Say beside the image how it was made ("true", "mode=max,version=v1,builder-id=ID")',
  ),
  progress: string("", 'Set type of progress output ("auto", "plain", "tty", "quiet")', "auto"),
  pull: bool("", "Always attempt to pull all referenced images"),
  push: bool("", 'Shorthand for "--output=type=registry"'),
  quiet: bool("q", "Suppress the build output and print image ID on success"),
  rm: { ...bool("", "No step leaves a container behind", true), isHidden: true },
  sbom: string("", 'Shorthand for "--attest=type=sbom"'),
  secret: repeated("", 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  "shm-size": bytes("", "Shared memory size for build containers"),
  ssh: repeated("", 'SSH agent socket to expose to the build (format: "default|<id>[=<socket>]")'),
  tag: repeated("t", 'Image identifier (format: "[registry/]repository[:tag]")'),
  target: string("", "Set the target build stage to build"),
  ulimit: repeated("", "Ulimit options"),
};

export const command = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  arity: [1, 1],
  flags: flagTable,
  async run({ cli, flags, args: [path = ""] }) {
    if (!["", "default"].includes(flags.builder))
      throw new ExitError(
        1,
        `no builder ${JSON.stringify(flags.builder)} found: this engine is one, "default"`,
      );
    if (flags["on-error"] !== "") checkOnError(cli, flags["on-error"], path === "-" || flags.file === "-");
    const context = openContext(cli, path, flags.file);
    try {
      return await build(cli, flags, context);
    } finally {
      context.close();
    }
  },
});

type Flags = { [Name in keyof typeof flagTable]: (typeof flagTable)[Name]["initial"] };

async function build(cli: Cli, flags: Flags, context: OpenContext): Promise<number> {
  const client = await cli.client();
  const isQuiet = flags.quiet || flags.progress === "quiet";
  const view = createBuildView(cli, isQuiet ? "quiet" : flags.progress);
  const call = flags.check ? "check" : flags.call;
  const visits = createVisits(cli, view);
  const order = describeOrder(cli, flags, context, call, client.host);
  if (flags["on-error"] !== "") order.offers.enterFailedStep = visits.enter;
  const onStatus: BuildOrder["onStatus"] = (status) => visits.over().then(() => view.show(status));
  if (flags.iidfile) removeStale(flags.iidfile);
  try {
    const result = await requestBuild(client.transport, { ...order, onStatus });
    const { exported, answers } = result;
    view.close();
    if (call !== "build") return printAnswer(cli, answers);
    const id = exported.get("containerimage.config.digest") ?? "";
    if (flags.iidfile && id === "") throw new ExitError(1, "no image came of it whose ID could be written");
    if (flags.iidfile) writeFileSync(flags.iidfile, id);
    if (flags["metadata-file"]) writeMetadata(flags["metadata-file"], result);
    const isTaken = order.exporters.some(({ receiver }) => receiver?.isStandardOutput);
    if (isQuiet && id !== "" && !isTaken) cli.print(id);
    return 0;
  } catch (error) {
    view.close();
    if (!(error instanceof GrpcError)) throw error;
    throw new ExitError(1, describeBuildError(error, context.shownFile));
  }
}

/** The ID of an earlier image must not be taken for that of one that fails. Only a file is removed: it may be a device. */
function removeStale(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) rmSync(realpathSync(file));
}

const calls = new Map([
  ["check", "frontend.lint"],
  ["outline", "frontend.outline"],
  ["targets", "frontend.targets"],
]);

function printAnswer(cli: Cli, answers: ReadonlyMap<string, string>): number {
  const text = answers.get("result.txt") ?? "";
  const isClean = text === "" && answers.get("result.statuscode") === "0";
  cli.print(isClean ? "Check complete, no warnings found." : text.trimEnd());
  return Number(answers.get("result.statuscode") ?? 0);
}

function describeOrder(
  cli: Cli,
  flags: Flags,
  context: OpenContext,
  call: string,
  host: string,
): Omit<BuildOrder, "onStatus"> {
  const attributes = new Map<string, string>([["filename", context.filename]]);
  const put = (key: string, value: string) => value !== "" && attributes.set(key, value);
  put("context", context.remote ?? "");
  if (context.upload) put("context", `http://buildkit-session/${context.upload.id}`);
  if (context.hasOwnDockerfile) put("dockerfilekey", "dockerfile");
  const args = pairs(flags["build-arg"], (key) => cli.env[key]);
  const proxies = proxyEnv(cli.config.proxies, host, flags["build-arg"]);
  for (const [key, value] of [...args, ...pairs(proxies)]) attributes.set(`build-arg:${key}`, value);
  const date = cli.env.SOURCE_DATE_EPOCH;
  if (date && !attributes.has("build-arg:SOURCE_DATE_EPOCH"))
    attributes.set("build-arg:SOURCE_DATE_EPOCH", date);
  for (const [key, value] of pairs(flags.label, () => "")) attributes.set(`label:${key}`, value);
  put("target", flags.target);
  put("platform", flags.platform.join(",") || (cli.env.DOCKER_DEFAULT_PLATFORM ?? ""));
  put("image-resolve-mode", flags.pull ? "pull" : "local");
  if (flags["no-cache"]) attributes.set("no-cache", "");
  else put("no-cache", flags["no-cache-filter"].join(","));
  put("add-hosts", flags["add-host"].map((host) => host.replace(/[:=]/, "=")).join(","));
  put("ulimit", flags.ulimit.join(","));
  put("shm-size", flags["shm-size"] > 0 ? String(flags["shm-size"]) : "");
  put("cgroup-parent", flags["cgroup-parent"]);
  put("force-network-mode", flags.network === "default" ? "" : flags.network);
  const method = call === "build" ? "" : calls.get(call);
  if (method === undefined)
    throw new ExitError(1, `invalid call method ${JSON.stringify(call)}: use check, outline or targets`);
  put("requestid", method);
  for (const [key, value] of attestationsOf(flags.attest, flags)) attributes.set(key, value);
  const named = namedContextsOf(pairs(flags["build-context"], refuseContext));
  for (const [key, value] of named.attributes) attributes.set(key, value);
  const entitlements = [...flags.allow, ...(flags.network === "host" ? ["network.host"] : [])];
  return {
    attributes,
    exporters: outputsOf(cli, { ...flags, annotations: exporterAnnotationsOf(flags.annotation) }),
    entitlements,
    caches: cachesOf(flags["cache-from"], flags["cache-to"]),
    layouts: named.layouts,
    offers: {
      directories: new Map([...context.directories, ...named.directories]),
      sharedKey: context.sharedKey,
      findSecret: secretsOf(cli, flags.secret),
      agents: agentsOf(cli, flags.ssh),
      findCredentials: credentialsFor(cli),
      ...(context.upload && { upload: context.upload }),
    },
  };
}

/** "KEY=VALUE", or "KEY" for what is found for it: undefined leaves it out. @throws ExitError in buildx's words */
function pairs(
  given: readonly string[],
  find: (key: string) => string | undefined = () => undefined,
): [string, string][] {
  return given.flatMap((text): [string, string][] => {
    const [key = ""] = text.split("=", 1);
    if (key === "") throw new ExitError(1, `invalid key-value pair ${JSON.stringify(text)}: empty key`);
    const value = text.includes("=") ? text.slice(key.length + 1) : find(key);
    return value === undefined ? [] : [[key, value]];
  });
}

function refuseContext(name: string): never {
  throw new ExitError(1, `invalid context value: ${name}, expected key=value`);
}
