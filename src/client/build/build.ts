import { cacheManifestKey, storeManifestKey } from "../../buildkit/messages/content.ts";
import {
  type StatusResponse,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
} from "../../buildkit/messages/control.ts";
import { bridgeSolveRequest, bridgeSolveResponse, returnRequest } from "../../buildkit/messages/gateway.ts";
import { empty } from "../../buildkit/messages/pb.ts";
import { connectGrpc, type GrpcClient, type Metadata } from "../../buildkit/wire/client.ts";
import { parseReference } from "../../formats/reference.ts";
import type { ApiTransport } from "../transport.ts";
import { type ContentStores, tagManifest } from "./content-store.ts";
import type { OutputReceiver } from "./receive-output.ts";
import { newBuildId, openBuildSession, type SessionOffers } from "./session.ts";

/** Where a build's cache comes from and goes to. */
export interface BuildCaches {
  imports: { type: string; attrs: Map<string, string> }[];
  exports: BuildCaches["imports"];
  /** Directories that a cache is written to, and what it is called there. */
  tags: ReadonlyMap<string, string>;
}

/** What is to become of what is built. */
export interface BuildExporter {
  /** "moby" for an image of the engine, "tar", … */
  type: string;
  attrs: Map<string, string>;
  /** Of what comes here. */
  receiver?: OutputReceiver;
  /** The directory of an OCI layout that an image is written to. */
  layout?: string;
}

/** What is asked of a builder. */
export interface BuildOrder {
  /** As BuildKit's clients say it (`FrontendAttrs`). */
  attributes: Map<string, string>;
  exporters: readonly BuildExporter[];
  entitlements: readonly string[];
  caches: BuildCaches;
  /** OCI layouts that images of the Dockerfile are in, by their names for the builder. */
  layouts: ReadonlyMap<string, string>;
  offers: SessionOffers;
  /** No more is taken until it resolves. */
  onStatus(status: StatusResponse): Promise<void> | void;
}

/** What came of it. */
export interface BuildResult {
  /** What the engine's history calls it. */
  ref: string;
  /** "containerimage.digest", "image.name", … */
  exported: ReadonlyMap<string, string>;
  /** Of what was asked instead of a build: "result.txt", … */
  answers: ReadonlyMap<string, string>;
}

const control = "/moby.buildkit.v1.Control";
const bridge = "/moby.buildkit.v1.frontend.LLBBridge";

/** Has an engine build an image, by BuildKit's API. @throws GrpcError, with the place in the Dockerfile among its details; ApiError */
export async function requestBuild(transport: ApiTransport, order: BuildOrder): Promise<BuildResult> {
  const { attributes, exporters, entitlements, caches, layouts, offers, onStatus } = order;
  const { socket } = await transport.hijack("/grpc", { headers: { Upgrade: "h2c" } });
  const client = connectGrpc(socket);
  const session = await openBuildSession(transport, {
    ...offers,
    stores: new Map([...storesOf(caches, exporters), ...layoutStores(layouts)]),
    receivers: exporters.map(({ receiver }) => receiver),
  });
  try {
    const ref = newBuildId();
    const metadata = { "buildkit-controlapi-buildid": ref };
    const isCall = attributes.has("requestid");
    const solved = client.unary(`${control}/Solve`, solveRequest, solveResponse, {
      ...{ ref, session: session.id, frontendAttrs: attributes, entitlements, internal: isCall },
      exporters: isCall ? [] : exporters.map(({ type, attrs }) => ({ type, attrs })),
      cache: { imports: caches.imports, exports: isCall ? [] : caches.exports },
    });
    const following = follow(client, ref, onStatus);
    const prepared = await prepare(client, { attributes, metadata, solved, following });
    await client.unary(`${bridge}/Return`, returnRequest, empty, { result: prepared.result }, metadata);
    const { exporterResponse } = await solved.finally(() => following);
    tagLayouts(order, exporterResponse);
    const answers = [...(prepared.result?.metadata ?? [])].map(
      ([key, value]) => [key, Buffer.from(value).toString()] as const,
    );
    return { ref, exported: exporterResponse, answers: new Map(answers) };
  } finally {
    session.close();
    client.close();
  }
}

interface Preparation {
  attributes: BuildOrder["attributes"];
  metadata: Metadata;
  /** The build as a whole, and what is said of it meanwhile. */
  solved: Promise<unknown>;
  following: Promise<void>;
}

/** @throws GrpcError: of the build as a whole, where that is refused before there is anything to prepare */
async function prepare(client: GrpcClient, { attributes, metadata, solved, following }: Preparation) {
  let refusal: { error: unknown } | undefined;
  const refused = new Promise<never>((_, reject) => {
    solved.catch((error: unknown) => {
      refusal = { error };
      reject(error);
    });
  });
  const request = {
    ...{ frontend: "dockerfile.v0", frontendOpt: attributes },
    ...{ allowResultReturn: true, allowResultArrayRef: true },
  };
  try {
    const asked = client.unary(`${bridge}/Solve`, bridgeSolveRequest, bridgeSolveResponse, request, metadata);
    return await Promise.race([refused, asked]);
  } catch (error) {
    const giveUp = () =>
      client.unary(`${bridge}/Return`, returnRequest, empty, { result: { ref: {} } }, metadata);
    const hasGivenUp =
      refusal === undefined &&
      (await giveUp().then(
        () => true,
        () => false,
      ));
    // Without the build there is no one to take it back, and no one who would say more of it.
    if (!hasGivenUp) throw refusal ? refusal.error : error;
    await following;
    throw error;
  }
}

/** The directories that the builder has written to. */
function tagLayouts({ caches, exporters }: BuildOrder, response: ReadonlyMap<string, string>): void {
  for (const [folder, tag] of caches.tags) {
    const manifest = response.get(storeManifestKey(nameOfStore(folder))) ?? response.get(cacheManifestKey);
    if (manifest !== undefined) tagManifest(folder, tag, manifest);
  }
  const descriptor = response.get("containerimage.descriptor");
  for (const { layout, attrs } of exporters) {
    if (layout === undefined) continue;
    if (descriptor === undefined) throw new Error(`the engine did not say what it wrote to ${layout}`);
    const names = (attrs.get("name") ?? "").split(",");
    const tags = new Set(names.map((name) => (name && parseReference(name).tag) || "latest"));
    const manifest = Buffer.from(descriptor, "base64").toString();
    for (const tag of tags)
      if (!tagManifest(layout, tag, manifest))
        throw new Error(`the image did not come to ${layout} in full: build it without other outputs`);
  }
}

const nameOfStore = (path: string) => `local:${path}`;

/** Directories that the builder may read from, or write to. */
function storesOf({ imports, exports }: BuildCaches, exporters: readonly BuildExporter[]): ContentStores {
  const places = (entries: BuildCaches["imports"], key: string, isWritable: boolean) =>
    entries
      .filter(({ type }) => type === "local")
      .map(({ attrs }) => attrs.get(key) ?? "")
      .map((path) => [nameOfStore(path), { path, isWritable }] as const);
  const layouts = exporters.flatMap(({ layout }) =>
    layout === undefined ? [] : [["export", { path: layout, isWritable: true }] as const],
  );
  return new Map([...places(imports, "src", false), ...places(exports, "dest", true), ...layouts]);
}

const layoutStores = (layouts: BuildOrder["layouts"]): ContentStores =>
  new Map([...layouts].map(([name, path]) => [`oci:${name}`, { path, isWritable: false }]));

async function follow(client: GrpcClient, ref: string, onStatus: BuildOrder["onStatus"]): Promise<void> {
  const call = client.open(`${control}/Status`, statusRequest, statusResponse);
  void call.send({ ref });
  call.end();
  try {
    for await (const status of call.replies) await onStatus(status);
  } catch {
    // The build's own error says more.
  }
}
