import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOfNode, nodesOf } from "../../src/build/graph/nodes.ts";
import { planDockerfile } from "./plan-dockerfile.ts";

test("a way through all stages may be longer than the stack is deep", async () => {
  const [stages, steps] = [40, 200];
  const stage = (at: number) =>
    `FROM scratch AS s${at}\n${at > 0 ? `COPY --from=s${at - 1} /x /x\n` : ""}${"COPY x /x\n".repeat(steps)}`;
  const { target } = await planDockerfile(Array.from({ length: stages }, (_, at) => stage(at)).join(""));
  const nodes = nodesOf(target);
  const copies = nodes.filter(({ kind }) => kind === "copy");
  assert.equal(copies.length, stages * (steps + 1) - 1);
  assert.equal(nodes.at(-1), target);
  const places = new Map(nodes.map((node, at) => [node, at]));
  for (const node of nodes)
    if (node.kind === "copy")
      for (const input of [node.base, ...node.parts.map(({ from }) => from)])
        assert.ok((places.get(input) ?? nodes.length) < (places.get(node) as number));
  assert.match(digestOfNode(target), /^sha256:[0-9a-f]{64}$/);
  assert.equal(new Set(copies.map(digestOfNode)).size, copies.length);
});
