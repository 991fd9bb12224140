import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatusResponse } from "../../src/buildkit/messages/control.ts";
import { requestBuild } from "../../src/client/build/build.ts";
import type { Client } from "../../src/client/client.ts";
import type { Facts } from "./facts.ts";

/** For each lane. */
export const recipeCount = 2;

/** A few steps of each kind, which are this recipe's alone: two stages, a cache mount, copies with and without what is below. */
const dockerfile = (recipe: string) => `FROM busybox AS made
RUN --mount=type=cache,id=${recipe},target=/c echo ${recipe} >> /c/x && tail -n 1 /c/x > /made
RUN sleep 0.1 && echo second ${recipe} > /second
FROM busybox
WORKDIR /work-${recipe}
COPY file file
COPY --link --from=made /made /second /linked/
RUN cat file /linked/made > both
`;

/** What a step is called in the progress: "[made 2/3] RUN …". */
const isStep = (name: string) => /^\[\S+ \d+\/\d+\] (?!FROM)/.test(name);

/**
 * Builds an image. All steps that were said to be done before, in this build or in one that was cut off, are in the cache.
 * @returns the image's id
 */
export async function buildRecipe(
  { client, facts }: { client: Client; facts: Facts },
  recipe: string,
  tag: string,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "berth-torture-"));
  const done = facts.steps.get(recipe) ?? new Set<string>();
  facts.steps.set(recipe, done);
  const before = new Set(done);
  const ended = new Map<string, boolean>();
  const note = ({ vertexes }: StatusResponse) => {
    for (const { name, completed, cached, error } of vertexes) {
      if (!completed || error !== "" || !isStep(name)) continue;
      ended.set(name, cached);
      done.add(name);
    }
  };
  writeFileSync(join(folder, "Dockerfile"), dockerfile(recipe));
  writeFileSync(join(folder, "file"), recipe);
  try {
    const { exported } = await requestBuild(client.transport, {
      attributes: new Map([["filename", "Dockerfile"]]),
      exporters: [{ type: "moby", attrs: new Map([["name", tag]]) }],
      entitlements: [],
      caches: {
        imports: [],
        exports: [{ type: "local", attrs: new Map([["dest", join(folder, "cache")]]) }],
        tags: new Map(),
      },
      layouts: new Map(),
      offers: {
        directories: new Map([
          ["context", folder],
          ["dockerfile", folder],
        ]),
        findSecret: async () => undefined,
        agents: new Map(),
        findCredentials: async () => undefined,
        sharedKey: recipe,
      },
      onStatus: note,
    });
    for (const name of before)
      assert.equal(ended.get(name), true, `${recipe}: ${name} was done before, and is not in the cache`);
    return exported.get("containerimage.config.digest") ?? "";
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
