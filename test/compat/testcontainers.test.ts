import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { writeFiles } from "../build/context-folder.ts";
import { useEngine } from "../engine.ts";

describe("testcontainers for Node", () => {
  const { engine, berth } = useEngine();
  const given = { ...process.env };
  /** It looks for the engine when it is loaded. */
  const load = () => import("testcontainers");
  before(async () => {
    await berth("image", "make", "busybox");
    process.env.DOCKER_HOST = engine.host;
    // The image of its reaper is nowhere to be had.
    process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  });
  after(() => {
    process.env = given;
  });

  it("starts containers, waits for their ports, words and health, and asks them", async () => {
    const { GenericContainer, Wait } = await load();
    const web = await new GenericContainer("busybox:latest")
      .withCommand(["sh", "-c", "echo hello >index.html; echo ready; exec httpd -f -p 80"])
      .withExposedPorts(80)
      .withEnvironment({ COLOUR: "blue" })
      .withLabels({ purpose: "a test" })
      .withWaitStrategy(Wait.forAll([Wait.forLogMessage("ready"), Wait.forHttp("/", 80)]))
      .start();
    const answer = await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`);
    assert.equal(await answer.text(), "hello\n");
    const { output, exitCode } = await web.exec(["sh", "-c", "echo $COLOUR; exit 3"]);
    assert.deepEqual([output.trim(), exitCode], ["blue", 3]);
    await web.copyContentToContainer([{ content: "copied", target: "/tmp/file" }]);
    assert.equal((await web.exec(["cat", "/tmp/file"])).output, "copied");
    await web.restart();
    assert.match(await berth("ps", "--filter", "label=purpose=a test", "--format", "{{.Status}}"), /^Up/);
    await web.stop();
    const healthy = await new GenericContainer("busybox:latest")
      .withCommand(["sleep", "1000"])
      .withHealthCheck({ test: ["CMD-SHELL", "true"], interval: 100, timeout: 5000, retries: 3 })
      .withWaitStrategy(Wait.forHealthCheck())
      .start();
    await healthy.stop({ timeout: 0 });
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("has networks with names in them", async () => {
    const { GenericContainer, Network, Wait } = await load();
    const network = await new Network().start();
    const server = await new GenericContainer("busybox:latest")
      .withCommand(["sh", "-c", "echo by name >index.html; echo up; exec httpd -f"])
      .withNetwork(network)
      .withNetworkAliases("server")
      .withWaitStrategy(Wait.forLogMessage("up"))
      .start();
    const client = await new GenericContainer("busybox:latest")
      .withCommand(["sleep", "1000"])
      .withNetwork(network)
      .start();
    assert.equal((await client.exec(["wget", "-qO-", "http://server/"])).output, "by name\n");
    for (const container of [client, server]) await container.stop({ timeout: 0 });
    await network.stop();
    assert.equal(await berth("network", "ls", "-q", "--filter", "type=custom"), "");
  });

  it("builds an image of a Dockerfile", async () => {
    const { GenericContainer, Wait } = await load();
    const place = writeFiles(join(engine.folder, "context"), {
      Dockerfile: "FROM busybox\nARG WORD\nRUN echo $WORD >/word\nCMD cat /word && sleep 1000\n",
    });
    const image = await GenericContainer.fromDockerfile(place)
      .withBuildArgs({ WORD: "built" })
      .build("made:1", { deleteOnExit: false });
    const container = await image.withWaitStrategy(Wait.forLogMessage("built")).start();
    await container.stop({ timeout: 0 });
  });
});
