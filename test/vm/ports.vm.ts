import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { addNeighbour, type Neighbour } from "./neighbour.ts";

const words = (text: string) => text.split(" ");
/** The machine's own socat, which speaks SCTP, and its libraries. */
const programs = "-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro";
const ask = (address: string) => `timeout 30 socat -u SCTP:${address} -`;

describe("published sctp ports", () => {
  let neighbour: Neighbour;
  before(() => {
    neighbour = addNeighbour({ own: "10.74.0.1/24", neighbour: "10.74.0.250/24" });
  });
  after(() => neighbour.remove());
  const { engine, berth } = useEngine();
  const start = (name: string, port: string) =>
    berth(
      ...words(`run -d --name ${name} -h ${name} -p ${port} ${programs} busybox`),
      ...["socat", "SCTP-LISTEN:7000,fork,reuseaddr", "SYSTEM:echo $HOSTNAME sees $SOCAT_PEERADDR"],
    );

  it("lead from other hosts and from this one to the container, with the client's address, until it goes", async () => {
    await start("one", "7000:7000/sctp");
    assert.match(await berth("port", "one"), /^7000\/sctp -> 0\.0\.0\.0:7000/);
    await eventually(
      async () => (await engine.cli("sh")(["-c", ask("10.74.0.1:7000")])).stdout,
      (answer) => /^one sees /.test(answer),
    );
    assert.equal(neighbour.sh(ask("10.74.0.1:7000")), "one sees 10.74.0.250");
    const taken = await engine.berth(words("run --rm -p 7000:7000/sctp busybox true"));
    assert.equal(taken.code, 125);
    assert.match(taken.stderr, /port is already allocated/);
    // A port of the same number is another.
    await berth(...words("run --rm -p 7000:7000/tcp busybox true"));
    await berth("rm", "-f", "one");
    assert.throws(() => neighbour.sh(ask("10.74.0.1:7000")));
  });

  it("on 127.0.0.1 are not reached from other hosts", async () => {
    await start("inner", "127.0.0.1:7001:7000/sctp");
    await eventually(
      async () => (await engine.cli("sh")(["-c", ask("127.0.0.1:7001")])).stdout,
      (answer) => /^inner sees /.test(answer),
    );
    assert.throws(() => neighbour.sh(ask("10.74.0.1:7001")));
    await berth("rm", "-f", "inner");
  });
});
