import { api } from "./api.ts";
import { archivedContext } from "./archived-context.ts";
import { bodies } from "./bodies.ts";
import { buildAddresses } from "./build-addresses.ts";
import { buildkit } from "./buildkit.ts";
import { cacheConfig } from "./cache-config.ts";
import { cdi } from "./cdi.ts";
import { cli } from "./cli.ts";
import { dns } from "./dns.ts";
import { dockerfile } from "./dockerfile.ts";
import { flags } from "./flags.ts";
import { imageConfig } from "./image-config.ts";
import { layerFrame } from "./layer-frame.ts";
import { manifest } from "./manifest.ts";
import { registry } from "./registry.ts";
import { subordinateIds } from "./subordinate-ids.ts";
import { tar } from "./tar.ts";
import { tarExtract } from "./tar-extract.ts";
import type { Target } from "./target.ts";
import { templates } from "./templates.ts";

/** Within this process. */
export const parsers: readonly Target[] = [
  tar,
  imageConfig,
  manifest,
  bodies,
  flags,
  templates,
  dns,
  dockerfile,
  buildkit,
  buildAddresses,
  cacheConfig,
  cdi,
  subordinateIds,
];

/** What makes files as an archive says, and programs of their own over their sockets: they need root. */
export const systems: readonly Target[] = [tarExtract, archivedContext, layerFrame, api, registry, cli];

/** All that `npm run fuzz` knows. */
export const targets: readonly Target[] = [...parsers, ...systems];
