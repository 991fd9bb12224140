import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { createShape, hostConfigShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { decode, partial } from "../../src/formats/shape.ts";

const create = (body: object) => decode(createShape, body);

describe("a body", () => {
  it("may name its members in any case, at every depth", () => {
    const { config, HostConfig } = create({
      image: "x",
      CMD: ["a"],
      labels: { KeepsItsCase: "b" },
      hostconfig: {
        portbindings: { "80/tcp": [{ hostPort: "18080", HOSTIP: "127.0.0.1" }] },
        restartPolicy: { name: "always" },
        mounts: [{ type: "tmpfs", target: "/t", tmpfsoptions: { sizebytes: 5 } }],
      },
    });
    assert.deepEqual([config?.Image, config?.Cmd, config?.Labels], ["x", ["a"], { KeepsItsCase: "b" }]);
    assert.deepEqual(HostConfig.PortBindings, { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18080" }] });
    assert.deepEqual(HostConfig.RestartPolicy, { Name: "always", MaximumRetryCount: 0 });
    assert.deepEqual(HostConfig.Mounts, [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 5 } }]);
  });

  it("that has all its members already is taken as it is, and one that has not is not changed", () => {
    const whole = create({ Image: "x", Cmd: ["a"], Labels: { a: "b" }, HostConfig: { Binds: ["/a:/b"] } });
    const stored = JSON.parse(JSON.stringify(whole.HostConfig));
    assert.equal(decode(hostConfigShape, stored), stored);
    for (const other of [{ Unknown: 1 }, { binds: [] }, { ConsoleSize: [1] }]) {
      const given = { ...stored, ...other };
      const before = JSON.stringify(given);
      const read = decode(hostConfigShape, given);
      assert.notEqual(read, given);
      assert.equal(JSON.stringify(given), before);
      assert.deepEqual(Object.keys(read), Object.keys(stored));
    }
  });

  it("has the zero value for what is null, missing or unknown, as Go has", () => {
    const { config, HostConfig, NetworkingConfig } = create({
      Image: "x",
      Cmd: "sh",
      Env: null,
      Labels: { a: null },
      Bogus: { Image: 5 },
      HostConfig: { Memory: null, Binds: [null], ConsoleSize: [1], Init: null },
      NetworkingConfig: { EndpointsConfig: { one: null } },
    });
    assert.deepEqual(
      [config?.Cmd, config?.Env, config?.Labels, config?.Tty],
      [["sh"], null, { a: "" }, false],
    );
    assert.ok(!("StopTimeout" in config!) && !("Bogus" in config!) && !("ExposedPorts" in config!));
    assert.deepEqual([HostConfig.Memory, HostConfig.Binds, HostConfig.ConsoleSize], [0, [""], [1, 0]]);
    assert.ok(!("Init" in HostConfig) && !("Mounts" in HostConfig));
    assert.equal(HostConfig.MemorySwappiness, null);
    assert.equal(NetworkingConfig.EndpointsConfig?.one?.MacAddress, "");
    assert.equal(create({ HostConfig: {} }).config, null);
    assert.equal(create({ CMD: null }).config?.Cmd, null);
    assert.deepEqual(decode(partial(configShape), { Cmd: null, Env: [], user: "u" }), { User: "u", Env: [] });
  });

  it("is refused with a value of another type, in the words of Go", () => {
    const rows: [body: object, words: string][] = [
      [{ HostConfig: { Memory: "much" } }, "string into Go struct field .HostConfig.Memory of type int64"],
      [{ HostConfig: { Memory: 1.5 } }, "number 1.5 into Go struct field .HostConfig.Memory of type int64"],
      [
        { HostConfig: { BlkioWeight: 70_000 } },
        "number 70000 into Go struct field .HostConfig.BlkioWeight of type uint16",
      ],
      [{ HostConfig: [] }, "array into Go struct field .HostConfig of type container.HostConfig"],
      [{ HostConfig: { ConsoleSize: [-1] } }, "number -1 into .HostConfig.ConsoleSize.0 of type uint"],
      [
        { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: 80 }] } } },
        "number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string",
      ],
      [{ Labels: { a: 5 } }, "number into Go struct field .Labels.a of type string"],
      [{ Labels: [] }, "array into Go struct field .Labels of type map[string]string"],
      [{ Env: [5] }, "number into .Env.0 of type string"],
      [{ Env: { a: "b" } }, "object into Go struct field .Env of type []string"],
      [{ Cmd: 3 }, "number into Go value of type string"],
      [{ Cmd: [{ a: 1 }] }, "array into Go value of type string"],
      [{ Tty: "x" }, "string into Go struct field .Tty of type bool"],
      [{ Healthcheck: { Test: "x" } }, "string into Go struct field .Healthcheck.Test of type []string"],
      [
        { ExposedPorts: { "80/tcp": 5 } },
        "number into Go struct field .ExposedPorts.80~1tcp of type struct {}",
      ],
      [{ Volumes: { "/a": true } }, "bool into Go struct field .Volumes.~1a of type struct {}"],
    ];
    for (const [body, words] of rows)
      assert.throws(() => create(body), { kind: "invalid", message: `json: cannot unmarshal ${words}` });
    assert.throws(() => decode(createShape, []), /array into Go value of type container.CreateRequest$/);
  });

  it("is bounded, member by member", () => {
    const many = Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`l${n}`, ""]));
    assert.throws(() => create({ Labels: many }), /^EngineError: \.Labels has more than 5000 entries$/);
    assert.throws(() => create({ Env: Object.keys(many) }), /\.Env has more than 5000 elements$/);
    const sets = { CpusetCpus: "0-9999,".repeat(2000) };
    assert.throws(() => decode(hostConfigShape, sets), /CpusetCpus is longer than 4096 characters$/);
  });

  it("reaches no prototype by a name", () => {
    const body = JSON.parse(
      '{"Image":"x","__proto__":{"Tty":true},"Labels":{"__proto__":"a","constructor":"b"}}',
    );
    const { config } = create(body);
    assert.equal(config?.Tty, false);
    assert.deepEqual(
      Object.entries(config?.Labels ?? {}),
      Object.entries(JSON.parse('{"__proto__":"a","constructor":"b"}')),
    );
    assert.equal(Object.getPrototypeOf(config?.Labels), Object.prototype);
  });
});
