import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Client } from "../../src/client/client.ts";
import { createFrameDecoder } from "../../src/formats/stdcopy.ts";
import type { Random } from "../random.ts";
import { buildRecipe, recipeCount } from "./builds.ts";
import type { ContainerFact, Facts } from "./facts.ts";

export interface Lane {
  client: Client;
  random: Random;
  facts: Facts;
}

/** One thing a user does. It runs to its acknowledged end, and then its facts hold. */
export interface Operation {
  name: string;
  /** What it can be done to, at present. */
  candidates(facts: Facts): string[];
  run(lane: Lane, name: string): Promise<void>;
}

const slots = { containers: 3, images: 2, volumes: 2, networks: 1 };

const freeNames = (facts: Facts, kind: keyof typeof slots, prefix: string) =>
  Array.from({ length: slots[kind] }, (_, n) => `${facts.lane}${prefix}${n}`).filter(
    (name) => !facts[kind].has(name),
  );

const containersIn = (facts: Facts, ...statuses: ContainerFact["status"][]) =>
  [...facts.containers].filter(([, { status }]) => statuses.includes(status)).map(([name]) => name);

/** What is in doubt until `work` is through. */
async function touch(facts: Facts, key: string, work: () => Promise<void>): Promise<void> {
  facts.doubts.add(key);
  await work();
  facts.doubts.delete(key);
}

interface Program {
  words: string[];
  output: ContainerFact["output"];
  isTerminal?: boolean;
  openStdin?: boolean;
}

const programs: Program[] = [
  { words: ["sleep", "1000"], output: "none" },
  { words: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"], output: "counter" },
  { words: ["cat"], output: "echo", openStdin: true },
  { words: ["sh"], output: "none", isTerminal: true },
];

/** Creates and starts a container, with what this lane has of images, volumes and networks. */
async function start(
  { client, random, facts }: Lane,
  name: string,
  program: Program,
): Promise<ContainerFact> {
  const image =
    random.next() < 0.3 && facts.images.size > 0 ? random.pick([...facts.images.keys()]) : "busybox";
  const volume =
    random.next() < 0.4 && facts.volumes.size > 0 ? random.pick([...facts.volumes.keys()]) : undefined;
  const network =
    random.next() < 0.3 && facts.networks.size > 0 ? random.pick([...facts.networks.keys()]) : undefined;
  const isPublished = network === undefined && random.next() < 0.4;
  const networkMode = network ?? random.pick(["bridge", "bridge", "none", "host"]);
  const { Id } = await client.containers.create(
    {
      Image: image,
      Cmd: program.words,
      Tty: program.isTerminal ?? false,
      OpenStdin: program.openStdin ?? false,
      ...(isPublished && { ExposedPorts: { "80/tcp": {} } }),
      HostConfig: {
        NetworkMode: networkMode,
        // The machine's network is not for the root of a user namespace, where the engine has those.
        UsernsMode: networkMode === "host" ? "host" : "",
        ...(volume && { Binds: [`${volume}:/data`] }),
        ...(isPublished && {
          PortBindings: { "80/tcp": [{ HostIp: random.pick(["127.0.0.1", ""]), HostPort: "" }] },
        }),
      },
    } as never,
    { name },
  );
  const { output, isTerminal = false } = program;
  const fact = {
    id: Id,
    exitCode: 0,
    lines: 0,
    volume,
    network,
    image,
    output,
    isTerminal,
    mayHaveGaps: false,
  };
  await client.containers.start(Id);
  const { State } = await client.containers.inspect(Id);
  return { ...fact, status: "running", pid: State.Pid };
}

const begin: Operation = {
  name: "run -d",
  candidates: (facts) => freeNames(facts, "containers", "c"),
  run: (lane, name) =>
    touch(lane.facts, `container ${name}`, async () => {
      lane.facts.containers.set(name, await start(lane, name, lane.random.pick(programs)));
    }),
};

const runToEnd: Operation = {
  name: "run",
  candidates: (facts) => freeNames(facts, "containers", "c"),
  run: ({ client, random, facts }, name) =>
    touch(facts, `container ${name}`, async () => {
      const [lines, exitCode] = [random.between(1, 200), random.between(0, 9)];
      const volume = facts.volumes.size > 0 ? random.pick([...facts.volumes.keys()]) : undefined;
      const [file, content] = [`f${random.between(0, 3)}`, String(random.between(0, 1e9))];
      const keep = volume ? `echo ${content} > /data/${file}; ` : "";
      const script = `${keep}i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; done; exit ${exitCode}`;
      if (volume) facts.doubts.add(`volume ${volume}`);
      const { Id } = await client.containers.create(
        {
          Image: "busybox",
          Cmd: ["sh", "-c", script],
          HostConfig: { ...(volume && { Binds: [`${volume}:/data`] }) },
        } as never,
        { name },
      );
      const { exit } = await client.containers.wait(Id, "next-exit");
      await client.containers.start(Id);
      assert.equal((await exit).StatusCode, exitCode);
      if (volume) {
        facts.volumes.get(volume)?.set(file, content);
        facts.doubts.delete(`volume ${volume}`);
      }
      facts.containers.set(name, {
        ...{ id: Id, status: "exited", pid: 0, exitCode, output: "lines", lines },
        ...{ volume, network: undefined, image: "busybox", isTerminal: false, mayHaveGaps: false },
      });
    }),
};

const letEnd: Operation = {
  name: "run -d, to end soon",
  candidates: (facts) => freeNames(facts, "containers", "c"),
  run: (lane, name) =>
    touch(lane.facts, `container ${name}`, async () => {
      const exitCode = lane.random.between(1, 99);
      const script = `sleep 0.${lane.random.between(0, 6)}; exit ${exitCode}`;
      const fact = await start(lane, name, { words: ["sh", "-c", script], output: "none" });
      lane.facts.containers.set(name, { ...fact, status: "ending", exitCode });
    }),
};

async function readAll(stream: Duplex): Promise<string> {
  let text = "";
  const frames = createFrameDecoder((_, chunk) => {
    text += chunk.toString();
  });
  for await (const chunk of stream) frames.push(chunk);
  return text;
}

const exec: Operation = {
  name: "exec",
  candidates: (facts) => containersIn(facts, "running"),
  async run({ client, random, facts }, name) {
    const token = String(random.between(0, 1e9));
    const { Id } = await client.execs.create(facts.containers.get(name)!.id, {
      Cmd: ["echo", token],
      AttachStdout: true,
    });
    const { socket } = await client.execs.attach(Id, { Tty: false });
    assert.equal(await readAll(socket), `${token}\n`);
    assert.equal((await client.execs.inspect(Id)).ExitCode, 0);
  },
};

const attach: Operation = {
  name: "attach",
  candidates: (facts) =>
    containersIn(facts, "running").filter((name) => facts.containers.get(name)?.output === "echo"),
  async run({ client, random, facts }, name) {
    const { id } = facts.containers.get(name)!;
    const { socket } = await client.containers.attach(id, { stdin: true, stdout: true });
    const token = String(random.between(0, 1e9));
    let text = "";
    const frames = createFrameDecoder((_, chunk) => {
      text += chunk.toString();
    });
    socket.write(`${token}\n`);
    for await (const chunk of socket) {
      frames.push(chunk);
      if (text.length > token.length) break;
    }
    socket.destroy();
    assert.equal(text, `${token}\n`);
  },
};

/** An operation on a container that changes its fact. */
const change = (
  name: string,
  from: ContainerFact["status"][],
  act: (client: Client, fact: ContainerFact) => Promise<Partial<ContainerFact>>,
): Operation => ({
  name,
  candidates: (facts) => containersIn(facts, ...from),
  run: ({ client, facts }, container) =>
    touch(facts, `container ${container}`, async () => {
      const fact = facts.containers.get(container)!;
      facts.containers.set(container, { ...fact, ...(await act(client, fact)) });
    }),
});

const killed = { pid: 0, exitCode: 137 };
const lifecycle: Operation[] = [
  change("stop", ["running"], async (client, { id }) => {
    await client.containers.stop(id, { timeoutSeconds: 0 });
    return { ...killed, status: "exited" };
  }),
  change("kill", ["running"], async (client, { id }) => {
    await client.containers.kill(id, "SIGKILL");
    return { ...killed, status: "ending" };
  }),
  change("restart", ["running"], async (client, { id, output }) => {
    await client.containers.restart(id, { timeoutSeconds: 0 });
    const { State } = await client.containers.inspect(id);
    // The log goes on where it was, and the counting begins again.
    return { pid: State.Pid, output: output === "counter" ? "none" : output };
  }),
  change("pause", ["running"], async (client, { id }) => {
    await client.containers.pause(id);
    return { status: "paused" };
  }),
  change("unpause", ["paused"], async (client, { id }) => {
    await client.containers.unpause(id);
    return { status: "running" };
  }),
];

const removeContainer: Operation = {
  name: "rm -f",
  candidates: (facts) => [...facts.containers.keys()],
  run: ({ client, facts }, name) =>
    touch(facts, `container ${name}`, async () => {
      await client.containers.remove(facts.containers.get(name)!.id, { force: true, volumes: true });
      facts.containers.delete(name);
    }),
};

const commit: Operation = {
  name: "commit",
  candidates: (facts) => (facts.containers.size > 0 ? freeNames(facts, "images", "i") : []),
  run: ({ client, random, facts }, tag) =>
    touch(facts, `image ${tag}`, async () => {
      const container = random.pick([...facts.containers.values()]).id;
      const { Id } = await client.containers.commit({ container, repo: tag, comment: tag });
      facts.images.set(tag, Id);
    }),
};

const isFree = (facts: Facts, kind: "image" | "volume" | "network", name: string) =>
  [...facts.containers.values()].every((fact) => fact[kind] !== name);

const build: Operation = {
  name: "build",
  candidates: (facts) => freeNames(facts, "images", "i"),
  run: (lane, tag) => {
    const { facts, random } = lane;
    return touch(facts, `image ${tag}`, async () => {
      const recipe = `${facts.lane}${random.between(1, recipeCount)}`;
      facts.images.set(tag, await buildRecipe(lane, recipe, tag));
    });
  },
};

const removeImage: Operation = {
  name: "rmi",
  candidates: (facts) => [...facts.images.keys()].filter((tag) => isFree(facts, "image", tag)),
  run: ({ client, facts }, tag) =>
    touch(facts, `image ${tag}`, async () => {
      await client.images.remove(tag);
      facts.images.delete(tag);
    }),
};

const travel: Operation = {
  name: "save, rmi, load",
  candidates: removeImage.candidates,
  run: ({ client, facts }, tag) =>
    touch(facts, `image ${tag}`, async () => {
      const archive = await buffer(await client.images.save([tag]));
      await client.images.remove(tag);
      for await (const { error } of await client.images.load(Readable.from([archive])))
        assert.equal(error, undefined);
      assert.equal((await client.images.inspect(tag)).Id, facts.images.get(tag));
    }),
};

const createVolume: Operation = {
  name: "volume create",
  candidates: (facts) => freeNames(facts, "volumes", "v"),
  run: ({ client, facts }, name) =>
    touch(facts, `volume ${name}`, async () => {
      await client.volumes.create({ Name: name });
      facts.volumes.set(name, new Map());
    }),
};

const removeVolume: Operation = {
  name: "volume rm",
  candidates: (facts) => [...facts.volumes.keys()].filter((name) => isFree(facts, "volume", name)),
  run: ({ client, facts }, name) =>
    touch(facts, `volume ${name}`, async () => {
      await client.volumes.remove(name);
      facts.volumes.delete(name);
    }),
};

/** Its content goes into a new one, and on. */
const cloneVolume: Operation = {
  name: "volume clone, export, rm, import",
  candidates: (facts) => (facts.volumes.size > 0 ? freeNames(facts, "volumes", "v") : []),
  run: ({ client, facts, random }, name) => {
    const sources = [...facts.volumes.keys()].filter((one) => !facts.doubts.has(`volume ${one}`));
    if (sources.length === 0) return Promise.resolve();
    const source = random.pick(sources);
    const files = new Map(facts.volumes.get(source));
    return touch(facts, `volume ${name}`, async () => {
      await client.volumes.clone(source, name);
      const archive = await buffer(await client.volumes.export(name));
      await client.volumes.remove(name);
      await client.volumes.import(name, Readable.from([archive]), { labels: [`of=${source}`] });
      assert.equal((await client.volumes.inspect(name)).Labels?.of, source);
      facts.volumes.set(name, files);
    });
  },
};

const renameVolume: Operation = {
  name: "volume rename",
  candidates: removeVolume.candidates,
  run: ({ client, facts }, name) => {
    const [free] = freeNames(facts, "volumes", "v").filter((one) => !facts.doubts.has(`volume ${one}`));
    if (free === undefined) return Promise.resolve();
    return touch(facts, `volume ${name}`, () =>
      touch(facts, `volume ${free}`, async () => {
        await client.volumes.rename(name, free);
        facts.volumes.set(free, facts.volumes.get(name) ?? new Map());
        facts.volumes.delete(name);
      }),
    );
  },
};

const createNetwork: Operation = {
  name: "network create",
  candidates: (facts) => freeNames(facts, "networks", "n"),
  run: ({ client, facts }, name) =>
    touch(facts, `network ${name}`, async () => {
      facts.networks.set(name, (await client.networks.create({ Name: name })).Id);
    }),
};

const removeNetwork: Operation = {
  name: "network rm",
  candidates: (facts) => [...facts.networks.keys()].filter((name) => isFree(facts, "network", name)),
  run: ({ client, facts }, name) =>
    touch(facts, `network ${name}`, async () => {
      await client.networks.remove(name);
      facts.networks.delete(name);
    }),
};

/** To another network and back. */
const visitNetwork: Operation = {
  name: "network connect, disconnect",
  candidates: (facts) =>
    [...facts.containers]
      .filter(([, { status, network }]) => status === "running" && network && facts.networks.size > 1)
      .map(([name]) => name),
  run: ({ client, facts, random }, name) =>
    touch(facts, `container ${name}`, async () => {
      const home = facts.containers.get(name)?.network;
      const other = random.pick([...facts.networks.keys()].filter((network) => network !== home));
      await client.networks.connect(other, { Container: name });
      const { NetworkSettings } = await client.containers.inspect(name);
      assert.ok(NetworkSettings.Networks[other]?.IPAddress, `${name} has no address on ${other}`);
      await client.networks.disconnect(other, { Container: name, Force: false });
    }),
};

export const operations: Operation[] = [
  ...[begin, begin, runToEnd, letEnd, exec, exec, attach, attach],
  ...lifecycle,
  ...[removeContainer, commit, build, build, removeImage, travel],
  ...[createVolume, removeVolume, cloneVolume, renameVolume, createNetwork, removeNetwork, visitNetwork],
];
