import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCdiSpec } from "../../../src/runtime/cdi/parse-spec.ts";

/** One device with these edits. */
const device = (edits: string) =>
  `cdiVersion: 0.7.0\nkind: vendor.com/class\ndevices:\n- name: dev\n  containerEdits: ${edits}\n`;
const plain = device("{env: [A=b]}");

describe("a document of the Container Device Interface", () => {
  it("is YAML, and so JSON", () => {
    const spec = parseCdiSpec(plain);
    assert.equal(spec.kind, "vendor.com/class");
    assert.deepEqual(spec.devices?.[0]?.containerEdits.env, ["A=b"]);
    assert.deepEqual(parseCdiSpec(JSON.stringify(spec)), spec);
  });

  it("is read as the tools that write it do", () => {
    const text = device("{deviceNodes: [{path: /dev/a, fileMode: 0660, gid: 5}]}").replace("dev\n", "1:30\n");
    const [first] = parseCdiSpec(text).devices ?? [];
    assert.equal(first?.name, "1:30");
    assert.deepEqual(first?.containerEdits.deviceNodes?.[0]?.fileMode, 0o660);
    assert.equal(parseCdiSpec(plain.replace("name: dev", "name: 0")).devices?.[0]?.name, "0");
    assert.deepEqual(parseCdiSpec(device("{ENV: [A=b], mounts: null}")).devices?.[0]?.containerEdits.env, [
      "A=b",
    ]);
  });

  it("uses nothing that is newer than the version that it names", () => {
    const older = (edits: string) => device(edits).replace("0.7.0", "0.3.0");
    const needs = (version: string, text: string) =>
      assert.throws(() => parseCdiSpec(text), {
        message: `invalid CDI Spec: the spec version must be at least v${version}`,
      });
    parseCdiSpec(older("{env: [A=b]}"));
    needs("0.4.0", older("{mounts: [{hostPath: /a, containerPath: /a, type: none}]}"));
    needs("0.5.0", older("{deviceNodes: [{path: /dev/a, hostPath: /dev/b}]}"));
    needs("0.6.0", older("{env: [A=b]}").replace("vendor.com/class", "vendor.com/class.two"));
    needs("0.6.0", `${older("{env: [A=b]}")}annotations: {a: b}\n`);
    needs("0.7.0", older("{additionalGids: [1]}"));
    needs("0.3.0", device("{env: [A=b]}").replace("0.7.0", "0.2.0"));
    for (const version of ["v0.7.0", "0.8.0", "1.0.0"]) parseCdiSpec(plain.replace("0.7.0", version));
  });
});

/** As the library of the specification refuses them in dockerd 28.5.2; what has no such words there is ours. */
const refused: [text: string, message: RegExp][] = [
  ["", /^no Spec data$/],
  ["[]", /cannot unmarshal array into Go value of type specs\.Spec$/],
  ["{broken", /^failed to unmarshal CDI Spec: /],
  [`${plain}cdiVersion: 0.6.0\n`, /^failed to unmarshal CDI Spec: Map keys must be unique/],
  [plain.replace("0.7.0", "9.0.0"), /invalid version "9\.0\.0"$/],
  [plain.replace("vendor.com/class", "class"), /invalid vendor: empty name$/],
  [plain.replace("vendor.com", "-v"), /invalid vendor: "-v" should start with a letter$/],
  [plain.replace("/class", "/class-"), /invalid class: "class-" should end with a letter or digit$/],
  [plain.replace("/class", "/class/d"), /invalid class: invalid character '\/' in name "class\/d"$/],
  [plain.replace("name: dev", "name: -d"), /invalid device name "-d", should start/],
  [plain.replace("name: dev", 'name: ""'), /failed to add device "": invalid \(empty\) device name$/],
  [plain.replace("name: dev", 'name: "d+e"'), /invalid character '\+' in device name "d\+e"$/],
  [`${plain}- name: dev\n  containerEdits: {env: [A=b]}\n`, /invalid spec, multiple device "dev"$/],
  ["cdiVersion: 0.7.0\nkind: aa/bb\ndevices: []\n", /invalid spec, no devices$/],
  [device("{}"), /failed to add device "dev": invalid device, empty device edits$/],
  [device('{env: ["=b"]}'), /invalid container edits: invalid environment variable "=b"$/],
  [device("{env: [1]}"), /invalid environment variable "1"$/],
  [device("{env: 1}"), /cannot unmarshal number into Go struct field .*\.env of type \[\]string$/],
  [device('{env: ["A=\\0"]}'), /invalid environment variable/],
  [device("{bogus: 1}"), /json: unknown field "bogus"$/],
  [device("{deviceNodes: [{path: /x, bogus: 1}]}"), /json: unknown field "bogus"$/],
  [device("{deviceNodes: [{path: /x, type: z}]}"), /device "\/x": invalid type "z"$/],
  [device("{deviceNodes: [{hostPath: /x}]}"), /invalid \(empty\) device path$/],
  [device("{deviceNodes: [{path: x}]}"), /invalid device: "x" is not an absolute path$/],
  [device("{deviceNodes: [{path: /x, permissions: rz}]}"), /invalid permissions "rz"$/],
  [device("{hooks: [{hookName: foo, path: /x}]}"), /invalid hook name "foo"$/],
  [device("{hooks: [{hookName: prestart}]}"), /invalid hook "prestart" with empty path$/],
  [device("{hooks: [{hookName: prestart, path: x}]}"), /"x" is not an absolute path$/],
  [device("{hooks: [{hookName: poststop, path: /x, env: [q]}]}"), /invalid environment variable "q"$/],
  [device("{mounts: [{hostPath: /x}]}"), /invalid mount, empty container path$/],
  [device("{mounts: [{containerPath: /x}]}"), /invalid mount, empty host path$/],
  [device("{intelRdt: {closID: a/b}}"), /invalid ClosID$/],
  [device("{additionalGids: [-1]}"), /cannot unmarshal number -1 into .* of type uint32$/],
];

describe("a document that is none", () => {
  for (const [text, message] of refused)
    it(`is refused: ${JSON.stringify(text).slice(0, 100)}`, () => {
      assert.throws(() => parseCdiSpec(text), { kind: "invalid", message });
    });

  it("takes no more memory than it should, whatever it refers to", () => {
    const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"];
    for (let at = 1; at < 20; at++) lines.push(`a${at}: &a${at} [${`*a${at - 1},`.repeat(9).slice(0, -1)}]`);
    assert.throws(() => parseCdiSpec(lines.join("\n")), /Excessive alias count/);
    assert.throws(() => parseCdiSpec("[".repeat(100_000)), { kind: "invalid" });
  });

  it("reaches no prototype", () => {
    assert.throws(() => parseCdiSpec(device('{"__proto__": {env: [A=b]}}')), /unknown field "__proto__"/);
    const spec = parseCdiSpec(`${plain}annotations: {"__proto__": x, constructor: y}\n`);
    assert.equal(Object.getPrototypeOf(spec.annotations), Object.prototype);
  });
});
