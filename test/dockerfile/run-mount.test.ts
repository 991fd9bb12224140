import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRunDevice } from "../../src/dockerfile/run-device.ts";
import { parseRunMount } from "../../src/dockerfile/run-mount.ts";

const parse = (text: string) => parseRunMount(text, (word) => word.replace("$v", "value"));

/** As dockerd 28.5.2 refuses them. */
const refused: [text: string, message: string][] = [
  ["foo", "invalid field 'foo' must be a key=value pair"],
  ["target=/x,", "invalid field '' must be a key=value pair"],
  ["type=cache,id", "invalid field 'id' must be a key=value pair"],
  ["foo=1", "unexpected key 'foo' in 'foo=1' (did you mean from?)"],
  ["targt=/x", "unexpected key 'targt' in 'targt=/x' (did you mean target?)"],
  ["=", "unexpected key '' in '=' (did you mean id?)"],
  ["__proto__=1", "unexpected key '__proto__' in '__proto__=1'"],
  ["type=foo", 'unsupported mount type "foo"'],
  ["type=bnd", 'unsupported mount type "bnd" (did you mean bind?)'],
  ["type=cache,sharing=foo", 'unsupported sharing value "foo"'],
  ["sharing=shared", "invalid cache sharing set for bind mount"],
  ["type=cache,mode=9", "invalid value 9 for mode"],
  ["type=secret,id=a,mode=99999999999", "invalid value 99999999999 for mode"],
  ["mode=7", 'mode not allowed for "bind" type mounts'],
  ["type=TMPFS,MODE=1", 'mode not allowed for "tmpfs" type mounts'],
  ["uid=1", 'uid not allowed for "bind" type mounts'],
  ["type=cache,uid=a", "invalid value a for uid"],
  ["type=cache,gid=-1", "invalid value -1 for gid"],
  ["type=cache,uid=4294967296", "invalid value 4294967296 for uid"],
  ["type=secret", "invalid secret mount. one of source, target required"],
  ["type=secret,target=", "invalid secret mount. one of source, target required"],
  ["type=secret,id=a,source=b", "both source and id can't be set"],
  ["type=secret,id=a,sharing=shared", "secret mount should not define sharing"],
  ["type=secret,id=a,required=x", "invalid value for required: x"],
  ["required", "unexpected key 'required' for mount type 'bind'"],
  ["required=true", "unexpected key 'required' for mount type 'bind'"],
  ["required,type=secret,id=a", "unexpected key 'required' for mount type 'bind'"],
  ["size=1", "unexpected key 'size' for mount type 'bind'"],
  ["type=tmpfs,size=x", "invalid value for size: x"],
  ["type=cache,ro=q", "invalid value for ro: q"],
  ["type=cache,readonly=", "invalid value for readonly: "],
  ["type=ssh,source=a", "ssh does not support source"],
];

describe("RUN --mount", () => {
  it("is of the build context when nothing else is said", () => {
    assert.deepEqual(parse("target=/x"), {
      type: "bind",
      target: "/x",
      source: "",
      from: "",
      isReadOnly: true,
    });
    assert.deepEqual(parse("from=base,src=$v/a,dst=b,rw"), {
      type: "bind",
      target: "b",
      source: "value/a",
      from: "base",
      isReadOnly: false,
    });
    assert.deepEqual(parse(`"target=/a,b",readwrite=false`), {
      type: "bind",
      target: "/a,b",
      source: "",
      from: "",
      isReadOnly: true,
    });
  });

  it("may be a cache, with its target for an id", () => {
    const cache = { type: "cache", source: "", from: "", sharing: "shared", isReadOnly: false };
    assert.deepEqual(parse("type=cache,target=/x//y/"), { ...cache, target: "/x//y/", id: "/x/y" });
    assert.deepEqual(parse("type=CACHE,target=x,id=i,sharing=Locked,mode=0755,uid=1,gid=2,ro,from=a"), {
      ...cache,
      target: "x",
      id: "i",
      sharing: "locked",
      isReadOnly: true,
      from: "a",
      mode: 0o755,
      uid: 1,
      gid: 2,
    });
  });

  it("may be memory", () => {
    assert.deepEqual(parse("type=tmpfs,target=/x"), { type: "tmpfs", target: "/x" });
    assert.deepEqual(parse("type=tmpfs,target=/x,size=1m"), {
      type: "tmpfs",
      target: "/x",
      sizeBytes: 1 << 20,
    });
  });

  it("may be a secret, as a file or a variable or both", () => {
    const secret = { type: "secret", isRequired: false };
    assert.deepEqual(parse("type=secret,id=a"), { ...secret, id: "a", target: "/run/secrets/a" });
    assert.deepEqual(parse("type=secret,id=x/a"), { ...secret, id: "x/a", target: "/run/secrets/a" });
    assert.deepEqual(parse("type=secret,target=/x/b"), { ...secret, id: "b", target: "/x/b" });
    assert.deepEqual(parse("type=secret,source=c,required"), {
      ...secret,
      id: "c",
      target: "/run/secrets/c",
      isRequired: true,
    });
    assert.deepEqual(parse("type=secret,id=a,env=A"), { ...secret, id: "a", env: "A" });
    assert.deepEqual(parse("type=secret,id=a,env=A,target=/x,mode=0440"), {
      ...secret,
      id: "a",
      env: "A",
      target: "/x",
      mode: 0o440,
    });
  });

  it("may be a socket of an agent", () => {
    assert.deepEqual(parse("type=ssh"), { type: "ssh", id: "default", isRequired: false });
    assert.deepEqual(parse("type=ssh,id=a,target=/s,required=1"), {
      type: "ssh",
      id: "a",
      target: "/s",
      isRequired: true,
    });
  });

  it("is refused in BuildKit's words", () => {
    for (const [text, message] of refused)
      assert.throws(() => parse(text), { kind: "invalid", message }, text);
  });
});

describe("RUN --device", () => {
  it("names a device, which may be required", () => {
    assert.deepEqual(parseRunDevice("a/b=c"), { name: "a/b=c", isRequired: false });
    assert.deepEqual(parseRunDevice("a,required"), { name: "a", isRequired: true });
    assert.deepEqual(parseRunDevice("required=true,name=a"), { name: "a", isRequired: true });
    for (const [text, message] of [
      ["a,b", "invalid field 'b' must be a key=value pair"],
      ["name=a,name=b", "device name already set to a"],
      ["a,nam=b", "unexpected key 'nam' in 'nam=b' (did you mean name?)"],
      ["a,required=x", "invalid value for required: x"],
    ] as const)
      assert.throws(() => parseRunDevice(text), { kind: "invalid", message });
  });
});
