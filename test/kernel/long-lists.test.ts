import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

const steadyCount = 400;
const rounds = 12;

interface Listed {
  Id: string;
  Names: string[];
  Created: number;
}

/** Lists of hundreds are described and sent a piece at a time, others having the thread between them. */
describe("a long list of containers", () => {
  const { engine, berth } = useEngine();

  async function create(name: string): Promise<string> {
    const { status, body } = await engine.api("POST", `/containers/create?name=${name}`, {
      ...{ Image: "busybox", Cmd: ["true"], Labels: { of: "a long list" } },
    });
    assert.equal(status, 201, body);
    return JSON.parse(body).Id;
  }

  async function list(query: string): Promise<Listed[]> {
    const { status, body } = await engine.api("GET", `/containers/json?all=1${query}`);
    assert.equal(status, 200, body);
    return JSON.parse(body);
  }

  it("has each that stays once, newest first, and none that was gone before, while others come and go", async () => {
    const steady: string[] = [];
    for (let number = 0; number < steadyCount; number++) steady.push(await create(`steady${number}`));
    const gone = new Set<string>();
    let isOver = false;
    const change = async (lane: number) => {
      for (let number = 0; !isOver; number++) {
        const id = await create(`lane${lane}-${number}`);
        await engine.api("POST", `/containers/${id}/rename?name=renamed${lane}-${number}`);
        const { status } = await engine.api("DELETE", `/containers/${id}`);
        assert.equal(status, 204);
        gone.add(id);
      }
    };
    const lanes = [change(0), change(1)];
    try {
      // On a slow machine few come and go meanwhile.
      const isEnough = (round: number) => round >= rounds && (gone.size >= rounds || round >= 50 * rounds);
      for (let round = 0; !isEnough(round); round++) {
        const goneBefore = new Set(gone);
        const all = await list(["", "&brief=1", "&size=1"][round % 3] ?? "");
        const ids = all.map(({ Id }) => Id);
        assert.equal(new Set(ids).size, ids.length, "one is there twice");
        const isSteady = new Set(steady);
        assert.deepEqual(
          ids.filter((id) => isSteady.has(id)),
          steady.toReversed(),
        );
        assert.deepEqual(
          ids.filter((id) => goneBefore.has(id)),
          [],
        );
        for (const { Names } of all) assert.equal(Names.length, 1);
      }
    } finally {
      isOver = true;
    }
    await Promise.all(lanes);
    assert.ok(gone.size >= rounds, `only ${gone.size} came and went`);
    assert.deepEqual(
      (await list("")).map(({ Id }) => Id),
      steady.toReversed(),
    );
  });

  it("has in brief what its lines show, as in full", async () => {
    const [full, brief] = [await list(""), await list("&brief=1")];
    assert.equal(brief.length, steadyCount);
    for (const [index, one] of brief.entries()) {
      const whole = full[index] as object;
      assert.deepEqual(one, Object.fromEntries(Object.entries(whole).filter(([key]) => key in one)));
    }
    assert.deepEqual(Object.keys(brief[0] ?? {}), [
      ...["Id", "Names", "Image", "ImageID", "Command", "Created", "Ports", "State", "Status"],
    ]);
    // What has a shape of its own is older than this.
    assert.deepEqual(
      JSON.parse((await engine.api("GET", "/v1.44/containers/json?all=1&brief=1")).body)[0].Mounts,
      [],
    );
  });

  it("is what ps shows, with the columns that were asked for", async () => {
    const lines = (await berth("ps", "-a", "--no-trunc")).split("\n");
    assert.equal(lines.length, steadyCount + 1);
    assert.match(lines[1] ?? "", /^[0-9a-f]{64} +busybox +"true" +.* ago +Created +steady399$/);
    assert.equal(await berth("ps", "-a", "--format", "{{.Labels}}", "-n", "1"), "of=a long list");
    assert.equal((await berth("ps", "-aq", "--no-trunc")).split("\n").length, steadyCount);
  });
});
