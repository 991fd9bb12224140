import assert from "node:assert/strict";
import { parseLayoutAddress } from "../../src/build/frontend/layout-context.ts";
import { findGitContext, gitNode } from "../../src/build/graph/git-address.ts";
import { contextName, parseBuildOptions } from "../../src/build/options.ts";
import { isDigest } from "../../src/formats/digest.ts";
import type { Random } from "../random.ts";
import type { Target } from "./target.ts";
import { oddWords, spoil } from "./words.ts";

const digest = `sha256:${"a".repeat(64)}`;
const addresses = [
  `//store:latest@${digest}`,
  `//5bz0a6c9vq@${digest}`,
  "//store",
  `//../../etc:1@${digest}`,
  "github.com/owner/name#v1:dir",
  "https://user:secret@host/name.git?ref=main&subdir=a",
  "ssh://git@host:22/name.git#refs/heads/main",
  "git@host:owner/name#a",
  "ext::sh -c x",
  "http://host/x.tar.gz",
  "docker.io/library/busybox:latest::linux/amd64",
];

/** Contexts that a client names: what is made of an address leads to nothing that it does not say. */
export const buildAddresses: Target = {
  name: "build-addresses",
  smallCount: 20_000,
  mostMilliseconds: 200,
  open: () => ({
    attempt(random) {
      const text = randomAddress(random);
      const known = contextName(text);
      assert.equal(contextName(known), known);
      const options = parseBuildOptions(new Map([[`context:${text}`, "x"]]));
      assert.equal(options.namedContexts.get(known), "x");
      const git = findGitContext(text);
      if (git !== undefined) {
        const { remote, ref, name } = gitNode(git);
        assert.ok(!/^-|[\0-\x20]/.test(remote) && !/^[-+]/.test(ref), text);
        assert.ok(!/\/\/[^/]*secret@/.test(name), name);
        return;
      }
      const layout = parseLayoutAddress(text);
      assert.match(layout.store, /^[a-z0-9][a-z0-9._-]{0,127}$/);
      assert.ok(isDigest(layout.digest));
    },
  }),
};

function randomAddress(random: Random): string {
  const one = random.pick(addresses);
  switch (random.between(0, 3)) {
    case 0:
      return one;
    case 1:
      return one + random.pick(oddWords);
    case 2:
      return spoil(random, spoil(random, one));
    default:
      return spoil(random, one);
  }
}
