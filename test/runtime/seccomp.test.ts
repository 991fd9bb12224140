import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultSeccompProfile, type OciSeccomp, parseSeccompProfile } from "../../src/runtime/seccomp.ts";

const kernel = "6.1.0-18-amd64";
const usual = ["CAP_CHOWN", "CAP_SYS_CHROOT", "CAP_NET_RAW"];

function isAllowed(profile: OciSeccomp, name: string): boolean {
  return profile.syscalls.some(
    (rule) => rule.action === "SCMP_ACT_ALLOW" && rule.names.includes(name) && !rule.args,
  );
}

describe("the default profile", () => {
  const profile = defaultSeccompProfile(usual, kernel, "x64");

  test("refuses what it does not name, with EPERM", () => {
    assert.equal(profile.defaultAction, "SCMP_ACT_ERRNO");
    assert.equal(profile.defaultErrnoRet, 1);
    const refused =
      "mount unshare setns keyctl add_key bpf io_uring_setup userfaultfd kexec_load swapon reboot pivot_root";
    for (const name of refused.split(" ")) assert.ok(!isAllowed(profile, name), name);
    for (const name of ["read", "execve", "futex_waitv", "chroot", "ptrace", "arch_prctl"])
      assert.ok(isAllowed(profile, name), name);
  });

  test("names no call twice in its list for everybody", () => {
    const names = profile.syscalls[0]?.names ?? [];
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.length > 350, String(names.length));
    for (const name of names) assert.match(name, /^_?[a-z][a-z0-9_]+$/);
  });

  test("lets clone through without namespace flags only, and clone3 not at all", () => {
    const clone = profile.syscalls.filter((rule) => rule.names.includes("clone"));
    assert.deepEqual(clone, [
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
    const clone3 = profile.syscalls.filter((rule) => rule.names.includes("clone3"));
    assert.deepEqual(clone3, [{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
  });

  test("opens with capabilities", () => {
    const admin = defaultSeccompProfile([...usual, "CAP_SYS_ADMIN"], kernel, "x64");
    for (const name of ["mount", "clone", "clone3", "unshare", "bpf"])
      assert.ok(isAllowed(admin, name), name);
    assert.ok(
      !admin.syscalls.some((rule) => rule.names.includes("clone3") && rule.action === "SCMP_ACT_ERRNO"),
    );
    assert.ok(isAllowed(defaultSeccompProfile(["CAP_SYS_NICE"], kernel, "x64"), "mbind"));
    assert.ok(!isAllowed(defaultSeccompProfile([], kernel, "x64"), "chroot"));
  });

  test("allows ptrace from Linux 4.8 on", () => {
    assert.ok(!isAllowed(defaultSeccompProfile(usual, "4.7.9", "x64"), "ptrace"));
    assert.ok(!isAllowed(defaultSeccompProfile(usual, "3.10.0", "x64"), "ptrace"));
    assert.ok(isAllowed(defaultSeccompProfile(usual, "4.8.0", "x64"), "ptrace"));
    assert.ok(isAllowed(defaultSeccompProfile(usual, "10.0", "x64"), "ptrace"));
  });

  test("knows the architectures", () => {
    assert.deepEqual(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    const arm = defaultSeccompProfile(usual, kernel, "arm64");
    assert.deepEqual(arm.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
    assert.ok(isAllowed(arm, "cacheflush") && !isAllowed(arm, "arch_prctl"));
    assert.equal(defaultSeccompProfile(usual, kernel, "ppc64").architectures, undefined);
    const clone = defaultSeccompProfile(usual, kernel, "s390x").syscalls.filter((rule) =>
      rule.names.includes("clone"),
    );
    assert.deepEqual(
      clone.map((rule) => rule.args?.[0]?.index),
      [1],
    );
  });
});

describe("a profile from a file", () => {
  const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile), usual, kernel, "x64");

  test("keeps what applies here", () => {
    const result = parse({
      defaultAction: "SCMP_ACT_ALLOW",
      archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
      syscalls: [
        { name: "chmod", action: "SCMP_ACT_ERRNO" },
        { names: ["chown"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_CHOWN"] } },
        { names: ["link"], action: "SCMP_ACT_ERRNO", includes: { caps: ["CAP_CHOWN", "CAP_NONE"] } },
        { names: ["mkdir"], action: "SCMP_ACT_ERRNO", includes: { minKernel: "6.2" } },
        { names: ["mknod"], action: "SCMP_ACT_ERRNO", excludes: { minKernel: "6.1" } },
        {
          names: ["rmdir"],
          action: "SCMP_ACT_ERRNO",
          errnoRet: 13,
          includes: { arches: ["amd64"] },
          args: null,
        },
      ],
    });
    assert.deepEqual(result, {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [
        { names: ["chmod"], action: "SCMP_ACT_ERRNO" },
        { names: ["rmdir"], action: "SCMP_ACT_ERRNO", errnoRet: 13 },
      ],
    });
  });

  test("is refused when it is none", () => {
    const wrong = [
      null,
      [],
      "x",
      {},
      { defaultAction: 1 },
      { defaultAction: "A", syscalls: {} },
      { defaultAction: "A", syscalls: [null] },
      { defaultAction: "A", syscalls: [{ names: [], action: "B" }] },
      { defaultAction: "A", syscalls: [{ names: [1], action: "B" }] },
      { defaultAction: "A", syscalls: [{ name: "a", names: ["b"], action: "B" }] },
      { defaultAction: "A", syscalls: [{ names: ["a"], action: "B", includes: { caps: "x" } }] },
      { defaultAction: "A", syscalls: [{ names: ["a"], action: "B", includes: { minKernel: "new" } }] },
      {
        defaultAction: "A",
        syscalls: [{ names: ["a"], action: "B", args: [{ index: 0, value: -1, op: "x" }] }],
      },
      { defaultAction: "A", architectures: ["x"], archMap: [{ architecture: "y" }] },
    ];
    for (const profile of wrong)
      assert.throws(() => parse(profile), { kind: "invalid" }, JSON.stringify(profile));
    assert.throws(() => parseSeccompProfile("{", usual, kernel, "x64"), {
      kind: "invalid",
      message: /^Decoding seccomp profile failed: /,
    });
  });
});
