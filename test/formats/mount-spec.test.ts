import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCsvLine } from "../../src/formats/csv.ts";
import { parseMountSpec } from "../../src/formats/mount-spec.ts";

const parse = (text: string) => parseMountSpec(text, (path) => `/here/${path}`);

test("mounts of every type are read", () => {
  assert.deepEqual(parse("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave"), {
    Type: "bind",
    Source: "/a",
    Target: "/b",
    ReadOnly: true,
    BindOptions: { Propagation: "rslave" },
  });
  assert.deepEqual(
    parse(
      "source=v,target=/c,volume-opt=a=b,volume-label=x=y,volume-driver=local,volume-subpath=z,volume-nocopy",
    ),
    {
      Type: "volume",
      Source: "v",
      Target: "/c",
      VolumeOptions: {
        DriverConfig: { Name: "local", Options: { a: "b" } },
        Labels: { x: "y" },
        Subpath: "z",
        NoCopy: true,
      },
    },
  );
  assert.deepEqual(parse("type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=755"), {
    Type: "tmpfs",
    Target: "/x",
    TmpfsOptions: { SizeBytes: 1048576, Mode: 493 },
  });
  assert.deepEqual(parse("type=image,src=busybox,dst=/b,image-subpath=bin"), {
    Type: "image",
    Source: "busybox",
    Target: "/b",
    ImageOptions: { Subpath: "bin" },
  });
});

test("a relative source is made absolute, a name of a volume is not", () => {
  assert.equal(parse("type=bind,src=./rel,dst=/x").Source, "/here/./rel");
  assert.equal(parse("type=bind,src=..,dst=/x").Source, "/here/..");
  assert.equal(parse("src=.name,dst=/x").Source, ".name");
});

test("a quoted field may hold commas", () => {
  assert.deepEqual(parseCsvLine('type=volume,"volume-opt=o=addr=1.2.3.4,rw",x=""'), [
    "type=volume",
    "volume-opt=o=addr=1.2.3.4,rw",
    'x=""',
  ]);
  assert.deepEqual(
    parse('src=v,dst=/x,"volume-opt=o=addr=1.2.3.4,rw"').VolumeOptions?.DriverConfig?.Options,
    {
      o: "addr=1.2.3.4,rw",
    },
  );
  assert.throws(() => parseCsvLine('"open'), /missing " in quoted-field/);
});

const refused: Record<string, string> = {
  "type=bind": "target is required",
  foo: "invalid field 'foo' must be a key=value pair",
  "type=bind,src=a,dst=b,foo=bar": "unexpected key 'foo' in 'foo=bar'",
  "type=bind,dst=/a,volume-nocopy": "cannot mix 'volume-*' options with mount type 'bind'",
  "type=volume,dst=/a,tmpfs-size=1m": "cannot mix 'tmpfs-*' options with mount type 'volume'",
  "type=bind,src=/a,dst=/b,ro=maybe": "invalid value for ro: maybe",
  "type=tmpfs,dst=/b,tmpfs-mode=9": "invalid value for tmpfs-mode: 9",
  "type=tmpfs,dst=/b,tmpfs-size=x": "invalid value for tmpfs-size: x",
  "type=,dst=/b": "type is required",
};

for (const [text, message] of Object.entries(refused)) {
  test(`--mount ${text} is refused: ${message}`, () => {
    assert.throws(() => parse(text), { message });
  });
}

test("what is read-only below a bind is said only of a read-only bind, and demanded only of a private one", () => {
  const at = "type=bind,src=/a,dst=/b";
  const refusal = (mode: string, needed: string) => ({
    message: `option 'bind-recursive=${mode}' requires '${needed}' to be specified in conjunction`,
  });
  assert.throws(() => parse(`${at},bind-recursive=writable`), refusal("writable", "readonly"));
  assert.throws(() => parse(`${at},bind-recursive=readonly`), refusal("readonly", "readonly"));
  assert.throws(
    () => parse(`${at},readonly,bind-recursive=readonly`),
    refusal("readonly", "bind-propagation=rprivate"),
  );
  assert.deepEqual(parse(`${at},ro,bind-recursive=readonly,bind-propagation=rprivate`).BindOptions, {
    ReadOnlyForceRecursive: true,
    Propagation: "rprivate",
  });
  assert.deepEqual(parse(`${at},ro,bind-recursive=writable`).BindOptions, { ReadOnlyNonRecursive: true });
});

test("options of a tmpfs are one list each", () => {
  assert.deepEqual(parse('type=tmpfs,dst=/t,"tmpfs-options=exec,uid=5"').TmpfsOptions, {
    Options: [["exec"], ["uid", "5"]],
  });
});
