import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ContainerInspect } from "../../src/formats/docker-api/docker-api.ts";
import type { Words } from "../../ui/languages/words.ts";
import {
  createBody,
  emptyForm,
  findMistakes,
  formatCommand,
  formOf,
  splitWords,
} from "../../ui/views/run/form.ts";
import { findLeftOut } from "../../ui/views/run/left-out.ts";

const say = {
  wrongPort: (text: string) => text,
  wrongMount: (text: string) => text,
  wrongSize: (text: string) => text,
  wrongNumber: (text: string) => text,
};
const mistakes = (form: object) => findMistakes({ ...emptyForm, ...form }, say as Words);

describe("the form that runs a container", () => {
  it("splits a command as a shell does, and nothing of it is run", () => {
    assert.deepEqual(splitWords(`sh -c 'a "b" $c' "d \\"e\\"" f\\ g "" ''`), [
      "sh",
      "-c",
      'a "b" $c',
      'd "e"',
      "f g",
      "",
      "",
    ]);
    assert.deepEqual(splitWords("a 'unclosed b"), ["a", "unclosed b"]);
    assert.deepEqual(splitWords("$(x) `y` ; z"), ["$(x)", "`y`", ";", "z"]);
  });

  it("becomes what the command line would send", () => {
    const form = {
      ...{
        ...emptyForm,
        image: "nginx",
        command: "a b",
        memory: "512m",
        cpus: "0.5",
        restart: "always" as const,
        isInteractive: true,
      },
      ...{
        ports: ["8080:80", "127.0.0.1:53:53/udp", "[::1]::443", " "],
        mounts: ["data:/data:ro"],
        labels: ["a=b=c", "bare"],
      },
    };
    const body = createBody(form);
    assert.deepEqual(body.HostConfig?.PortBindings, {
      "80/tcp": [{ HostIp: "", HostPort: "8080" }],
      "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
      "443/tcp": [{ HostIp: "::1", HostPort: "" }],
    });
    assert.deepEqual([body.HostConfig?.Memory, body.HostConfig?.NanoCpus], [536870912, 500000000]);
    assert.deepEqual(body.Labels, { a: "b=c", bare: "" });
    assert.equal(
      formatCommand(form, "docker"),
      "docker run -d -it --restart always -m 512m --cpus 0.5 -p 8080:80 -p 127.0.0.1:53:53/udp -p '[::1]::443' -v data:/data:ro --label a=b=c --label bare nginx a b",
    );
  });

  it("says what is wrong", () => {
    assert.deepEqual(
      mistakes({ ports: ["80", "x", "1:2:3:4"], mounts: ["a:b", "a:/b"], memory: "5 apples", cpus: "-1" }),
      ["x", "1:2:3:4", "a:b", "5 apples", "-1"],
    );
    assert.deepEqual(mistakes({}), []);
  });

  it("is filled from a container, without what the image says by itself", () => {
    const container = {
      Name: "/web",
      Config: {
        Image: "nginx",
        Cmd: ["serve"],
        Env: ["PATH=/bin", "MINE=1"],
        Labels: { own: "x", of: "image", "com.docker.compose.project": "p" },
        User: "",
        WorkingDir: "/srv",
        Tty: false,
      },
      HostConfig: {
        Binds: ["v:/v"],
        NetworkMode: "bridge",
        RestartPolicy: { Name: "no" },
        PortBindings: { "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] },
        Memory: 1000,
        NanoCpus: 0,
      },
    } as unknown as ContainerInspect;
    const image = { Env: ["PATH=/bin"], Cmd: ["serve"], WorkingDir: "/srv", Labels: { of: "image" } };
    const form = formOf(container, image);
    assert.equal(
      formatCommand(form, "berth"),
      "berth run -d --name web-copy -m 1000b -p '[::1]:8080:80' -v v:/v -e MINE=1 --label own=x nginx",
    );
    assert.deepEqual(findLeftOut(container, image), []);
  });

  it("has a container's mounts, whichever flag they came by, and says what it cannot hold", () => {
    const container = {
      Name: "/db",
      Config: { Image: "db", Entrypoint: ["run"] },
      HostConfig: {
        Binds: ["v:/v"],
        Mounts: [
          { Type: "volume", Source: "data", Target: "/var/lib/db", VolumeOptions: { NoCopy: true } },
          { Type: "bind", Source: "/srv", Target: "/srv", ReadOnly: true },
          { Type: "bind", Source: "/run", Target: "/run", BindOptions: { Propagation: "rslave" } },
          { Type: "bind", Source: "/a:b", Target: "/a" },
          { Type: "volume", Target: "/scratch" },
          { Type: "volume", Source: "data", Target: "/part", VolumeOptions: { Subpath: "x" } },
          { Type: "tmpfs", Target: "/tmp" },
        ],
        ...{ CapAdd: ["NET_ADMIN"], Dns: [], Init: false, Tmpfs: { "/run": "" }, PidMode: "" },
      },
    } as unknown as ContainerInspect;
    const { mounts } = formOf(container, {});
    assert.deepEqual(mounts, ["v:/v", "data:/var/lib/db:nocopy", "/srv:/srv:ro", "/run:/run:rslave"]);
    assert.deepEqual(mistakes({ mounts }), []);
    assert.deepEqual(findLeftOut(container, {}), [
      "--mount type=bind,src=/a:b,dst=/a",
      "--mount type=volume,dst=/scratch",
      "--mount type=volume,src=data,dst=/part",
      "--mount type=tmpfs,dst=/tmp",
      "--cap-add",
      "--tmpfs",
      "--entrypoint",
    ]);
  });
});
