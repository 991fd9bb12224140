import { redactAddresses } from "../../formats/redact-address.ts";
import type { Material } from "../frontend/planned-image.ts";
import {
  digestOfNode,
  inputsOf,
  type Node,
  nodesOf,
  type RunMountNode,
  type RunNode,
} from "../graph/nodes.ts";

/* The steps of a build in the form in which BuildKit's provenance has them: its operations, as JSON. */

/** What a provenance in full says of a build's steps. */
export interface BuildConfig {
  llbDefinition: { id: string; op: object; inputs?: string[] }[];
  /** The steps by what progress knows them by. */
  digestMapping: Record<string, string>;
}

/** @param target what was built @param images that it was made with */
export function describeSteps(target: Node, images: readonly Material[]): BuildConfig {
  const nodes = nodesOf(target).filter(({ kind }) => kind !== "scratch");
  const ids = new Map(nodes.map((node, at) => [digestOfNode(node), `step${at}`]));
  const idOf = (node: Node) => `${ids.get(digestOfNode(node))}:0`;
  const steps = nodes.map((node) => {
    const inputs = inputsOf(node).filter(({ kind }) => kind !== "scratch");
    return {
      ...{
        id: ids.get(digestOfNode(node)) as string,
        op: { Op: describeNode(node, images), constraints: {} },
      },
      ...(inputs.length > 0 && { inputs: inputs.map(idOf) }),
    };
  });
  const last = {
    id: `step${nodes.length}`,
    op: { Op: {} },
    inputs: target.kind === "scratch" ? [] : [idOf(target)],
  };
  return { llbDefinition: [...steps, last], digestMapping: Object.fromEntries(ids) };
}

/** The id of a node among a build's steps. */
export function stepIdOf(config: BuildConfig, node: Node): string | undefined {
  return config.digestMapping[digestOfNode(node)];
}

function describeNode(node: Node, images: readonly Material[]): object {
  switch (node.kind) {
    case "image": {
      const name = node.name.replace(/^.*\] FROM /, "");
      const { digest = "", isLocal = false } = images.find((one) => one.name === name) ?? {};
      const place = `${isLocal ? "oci-layout" : "docker-image"}://${name}`;
      return { source: { identifier: digest === "" || name.includes("@") ? place : `${place}@${digest}` } };
    }
    case "directory":
      return { source: { identifier: `local://${node.directory}` } };
    case "http":
      return { source: { identifier: redactAddresses(node.url) } };
    case "git":
      return { source: { identifier: `git://${redactAddresses(node.remote).replace(/^\w+:\/\//, "")}` } };
    case "run":
      return { exec: describeRun(node) };
    case "copy":
      return {
        file: {
          actions: node.parts.flatMap(({ selections }, at) =>
            selections.map(({ pattern }) => ({
              ...{ input: 0, secondaryInput: at + 1, output: 0 },
              Action: { copy: { src: `/${pattern}`, dest: node.destination } },
            })),
          ),
        },
      };
    case "workdir":
      return { file: { actions: [{ input: 0, output: 0, Action: { mkdir: { path: node.path } } }] } };
    case "inline":
      return {
        file: {
          actions: node.files.map(({ name }) => ({
            input: -1,
            output: 0,
            Action: { mkfile: { path: `/${name}` } },
          })),
        },
      };
    default:
      return { source: { identifier: "local://context" } };
  }
}

/** No value of a secret is in it; build arguments are, as BuildKit has them in full. */
function describeRun({ args, env, workingDir: cwd, user, mounts, network, isInsecure }: RunNode): object {
  return {
    meta: { args, env, cwd, ...(user && { user }), removeMountStubsRecursive: true },
    mounts: [{ dest: "/" }, ...mounts.map(describeMount)],
    ...(network !== "default" && { network: network === "host" ? 1 : 2 }),
    ...(isInsecure && { security: 1 }),
  };
}

const mountTypes = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 };

function describeMount(mount: RunMountNode): object {
  const { type, target: dest } = mount;
  const common = {
    input: -1,
    ...(dest !== undefined && { dest }),
    ...(type !== "bind" && { mountType: mountTypes[type] }),
  };
  if (type === "bind") return { ...common, ...(!mount.isWritable && { readonly: true }) };
  if (type === "cache") return { ...common, cacheOpt: { ID: mount.id } };
  if (type === "tmpfs") return common;
  const given = { ID: mount.id, mode: mount.mode, ...(!mount.isRequired && { optional: true }) };
  return { ...common, ...(type === "secret" ? { secretOpt: given } : { SSHOpt: given }) };
}
