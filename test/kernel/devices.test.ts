import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { writeFiles } from "../build/context-folder.ts";
import { useDocker } from "../build/docker-client.ts";
import { useEngine } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-devices-"));
const [early, late] = [join(folder, "early"), join(folder, "late")];
for (const path of [early, late]) mkdirSync(path);
after(() => rmSync(folder, { recursive: true }));

const hookOf = (name: string) => ({
  hookName: name,
  path: "/bin/sh",
  args: ["sh", "-c", `cat > ${folder}/${name}; echo $WORD >> ${folder}/${name}`],
  env: [`WORD=${name}`],
});

/** A made-up vendor's gadget. */
const gadget = {
  cdiVersion: "0.7.0",
  kind: "vendor.example/gadget",
  annotations: { "org.mobyproject.buildkit.device.autoallow": "false" },
  devices: [
    {
      name: "one",
      containerEdits: {
        env: ["GADGET=one"],
        deviceNodes: [
          { path: "/dev/gadget", hostPath: "/dev/null", permissions: "rw", fileMode: 0o640, gid: 7 },
        ],
      },
    },
    { name: "hooked", containerEdits: { hooks: ["createRuntime", "poststart", "poststop"].map(hookOf) } },
    {
      name: "failing",
      containerEdits: { hooks: [{ hookName: "createRuntime", path: "/bin/false" }] },
    },
    { name: "gone", containerEdits: { mounts: [{ hostPath: join(folder, "gone"), containerPath: "/x" }] } },
    {
      name: "memory",
      containerEdits: {
        mounts: [{ hostPath: "tmpfs", containerPath: "/memory", type: "tmpfs", options: ["size=64k"] }],
      },
    },
    {
      name: "typed",
      containerEdits: {
        deviceNodes: [{ path: "/dev/typed", type: "c", major: 1, minor: 5, permissions: "r" }],
      },
    },
  ],
  containerEdits: {
    env: ["VENDOR=1"],
    mounts: [{ hostPath: join(folder, "library"), containerPath: "/lib/vendor", options: ["ro", "rbind"] }],
    additionalGids: [4321],
  },
};

describe("devices that vendors describe", () => {
  const { engine, berth } = useEngine(undefined, ["--cdi-spec-dir", early, "--cdi-spec-dir", late]);
  const docker = useDocker(engine);
  before(() => {
    mkdirSync(join(folder, "library"));
    writeFileSync(join(folder, "library/driver.so"), "driver");
    writeFileSync(join(early, "gadget.yaml"), stringify(gadget));
    writeFileSync(join(early, "broken.json"), "{broken");
    return berth("image", "make", "busybox");
  });
  const device = (name: string) => ["--device", `vendor.example/gadget=${name}`];
  const refusal = async (...words: string[]) => {
    const { code, stderr } = await engine.berth(["run", "--rm", ...words, "busybox", "true"]);
    assert.equal(code, 125);
    return stderr.split("\n")[0];
  };

  it("are shown by info, with what is wrong with their files", async () => {
    const info = JSON.parse((await engine.api("GET", "/v1.51/info")).body);
    assert.deepEqual(info.CDISpecDirs, [early, late]);
    assert.deepEqual(
      info.DiscoveredDevices.map(({ Source, ID }: { Source: string; ID: string }) => `${Source} ${ID}`),
      ["failing", "gone", "hooked", "memory", "one", "typed"].map(
        (name) => `cdi vendor.example/gadget=${name}`,
      ),
    );
    assert.match(
      info.Warnings.join("\n"),
      new RegExp(`CDI: Error associated with spec file ${early}/broken.json: failed to load CDI Spec: `),
    );
    assert.ok(!("DiscoveredDevices" in JSON.parse((await engine.api("GET", "/v1.49/info")).body)));
    assert.match(await berth("info"), / Discovered Devices:\n {2}cdi: vendor\.example\/gadget=failing\n/);
  });

  it("give a container nodes, mounts, groups and variables", async () => {
    const script = `echo $VENDOR $GADGET; ls -ln /dev/gadget; echo x > /dev/gadget && cat /lib/vendor/driver.so
      echo; touch /lib/vendor/x; grep Groups /proc/self/status; mknod /tmp/x c 1 3; cat /tmp/x`;
    const { stdout, stderr } = await engine.berth([
      ...["run", "--rm", "-e", "GADGET=mine", ...device("one"), "busybox", "sh", "-c", script],
    ]);
    const [variables, node, content, groups] = stdout.split("\n");
    assert.equal(variables, "1 one");
    assert.match(node ?? "", /^crw-r----- +1 0 +7 +1, +3 /);
    assert.equal(content, "driver");
    assert.match(groups ?? "", /\b4321\b/);
    assert.match(stderr, /\/lib\/vendor\/x: Read-only file system/);
    const typed = await berth(
      "run",
      "--rm",
      ...device("typed"),
      ...device("memory"),
      "busybox",
      "sh",
      "-c",
      "df -k /memory | tail -1; head -c 3 /dev/typed | wc -c",
    );
    assert.match(typed, /^tmpfs +64 /);
    assert.match(typed, /\n3$/);
  });

  it("run the vendor's programs, and stop a start that one of them refuses", async () => {
    await berth("run", "-d", "--name", "hooked", ...device("hooked"), "busybox", "sleep", "1000");
    const id = (await berth("inspect", "-f", "{{.Id}}", "hooked")).trim();
    const told = (name: string) => readFileSync(join(folder, name), "utf8");
    assert.match(told("createRuntime"), new RegExp(`"id": ?"${id}"`));
    assert.match(told("createRuntime"), /createRuntime\n$/);
    assert.match(told("poststart"), /poststart\n$/);
    assert.ok(!existsSync(join(folder, "poststop")));
    await berth("rm", "-f", "hooked");
    assert.match(told("poststop"), /poststop\n$/);
    assert.match(
      (await refusal(...device("failing"))) ?? "",
      /error running hook: one of these programs failed: \/bin\/false/,
    );
    assert.match((await refusal(...device("gone"))) ?? "", /gone.*No such file or directory/i);
  });

  it("are looked for at each start, in dockerd's words where they are not there", async () => {
    const start = "berth: Error response from daemon: CDI device injection failed: unresolvable CDI devices";
    assert.equal(
      await refusal(...device("two"), ...device("three")),
      `${start} vendor.example/gadget=two, vendor.example/gadget=three`,
    );
    await berth("create", "--name", "later", ...device("two"), "busybox", "sh", "-c", "echo $GADGET");
    assert.notEqual((await engine.berth(["start", "later"])).code, 0);
    const [one] = gadget.devices;
    writeFileSync(
      join(late, "more.json"),
      JSON.stringify({
        ...gadget,
        devices: [{ ...one, name: "two", containerEdits: { env: ["GADGET=two"] } }],
      }),
    );
    assert.equal(await berth("start", "-a", "later"), "two");
    const requests = JSON.parse(await berth("inspect", "-f", "{{json .HostConfig.DeviceRequests}}", "later"));
    assert.deepEqual([requests[0].Driver, requests[0].DeviceIDs], ["cdi", ["vendor.example/gadget=two"]]);
    await berth("rm", "later");
  });

  it("serve for --gpus where they are GPUs", async () => {
    const words = "berth: Error response from daemon: could not select device driver";
    assert.equal(await refusal("--gpus", "all"), `${words} "" with capabilities: [[gpu]]`);
    const gpu = (name: string) => ({ name, containerEdits: { env: [`GPU${name}=1`] } });
    writeFileSync(
      join(late, "gpus.json"),
      JSON.stringify({ cdiVersion: "0.5.0", kind: "nvidia.com/gpu", devices: ["0", "1", "all"].map(gpu) }),
    );
    const seen = async (...words: string[]) => {
      const env = await berth("run", "--rm", ...words, "busybox", "env");
      return env.match(/^GPU\w+/gm)?.join(" ");
    };
    assert.equal(await seen("--gpus", "all"), "GPUall");
    assert.equal(await seen("--gpus", "2"), "GPU0 GPU1");
    assert.equal(await seen("--gpus", "device=1,capabilities=utility"), "GPU1");
    assert.equal(await refusal("--gpus", "driver=amd"), `${words} "amd" with capabilities: [[gpu]]`);
    const { code, stdout, stderr } = await docker.run("run", "--rm", "--gpus", "1", "busybox", "env");
    assert.deepEqual([code, /^GPU\w+/m.exec(stdout)?.[0]], [0, "GPU0"], stderr);
  });

  it("serve for RUN --device, where the build is allowed them", async () => {
    const build = (line: string, ...words: string[]) => {
      const place = writeFiles(join(folder, `build-${words.length}-${line.length}`), {
        Dockerfile: `# syntax=docker/dockerfile:1-labs\nFROM busybox\n${line}\n`,
      });
      return engine.berth(["build", "--progress=plain", ...words, place]);
    };
    const line = "RUN --device=vendor.example/gadget=one echo got $GADGET; ls /lib/vendor";
    const refused = await build(line);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /device "vendor\.example\/gadget=one" is not allowed/);
    for (const allowed of ["device", "device=vendor.example/gadget"]) {
      const { code, stderr } = await build(line, "--no-cache", "--allow", allowed);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /got one\n(.*\n)*.*driver\.so/);
    }
    const required = await build("RUN --device=vendor.example/gadget=no,required true", "--allow", "device");
    assert.match(required.stderr, /required device "vendor\.example\/gadget=no" is not registered/);
    const optional = await build("RUN --device=vendor.example/none=no echo without", "--allow", "device");
    assert.equal(optional.code, 0, optional.stderr);
  });
});

describe("an engine that is told to know no devices", () => {
  const { engine } = useEngine(undefined, ["--cdi-spec-dir", early, "--feature", "cdi=false"]);

  it("has none, and says so", async () => {
    const info = JSON.parse((await engine.api("GET", "/info")).body);
    assert.deepEqual([info.CDISpecDirs, info.DiscoveredDevices], [[], undefined]);
    await engine.berth(["image", "make", "busybox"]);
    const { stderr } = await engine.berth([
      "run",
      "--rm",
      "--device",
      "vendor.example/gadget=one",
      "busybox",
      "true",
    ]);
    assert.match(stderr, /could not select device driver "cdi" with capabilities: \[\]/);
  });
});
