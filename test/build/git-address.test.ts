import assert from "node:assert/strict";
import { test } from "node:test";
import { findGitContext, gitNode, isGitAddress } from "../../src/build/graph/git-address.ts";

test("git addresses are told by scheme, user or suffix", () => {
  for (const address of [
    ...[
      "git://h/r",
      "ssh://git@h/r",
      "git@h:r/s",
      "https://h/r.git",
      "http://h/r.git#ref:dir",
      "https://h/r.git?ref=x",
    ],
  ])
    assert.ok(isGitAddress(address), address);
  for (const address of [
    "https://h/r",
    "https://h/r.tar.gz",
    "r.git",
    "ext::sh -c x",
    "file:///r.git",
    "./a@b",
  ])
    assert.ok(!isGitAddress(address), address);
});

test("a context without a scheme may be GitHub's, and what a Dockerfile adds may not", () => {
  assert.equal(findGitContext("github.com/owner/name#v1:dir"), "https://github.com/owner/name#v1:dir");
  assert.equal(findGitContext("git@h:r/s"), "git@h:r/s");
  for (const path of ["github.com", "github.com.example/x", "./github.com/x", "gitlab.com/owner/name"])
    assert.equal(findGitContext(path), undefined, path);
  assert.ok(!isGitAddress("github.com/owner/name"));
});

test("what is meant of a repository is said after a mark, or in a query", () => {
  const pick = (address: string) => {
    const { remote, ref, subdir, checksum, keepsGitDir, hasSubmodules } = gitNode(address);
    return [remote, ref, subdir, checksum, keepsGitDir, hasSubmodules];
  };
  const remote = "https://h/r.git";
  assert.deepEqual(pick(remote), [remote, "", "", undefined, false, true]);
  assert.deepEqual(pick(`${remote}#v1:a/b`), [remote, "v1", "a/b", undefined, false, true]);
  assert.deepEqual(pick("git@h:r.git#main"), ["git@h:r.git", "main", "", undefined, false, true]);
  assert.deepEqual(pick(`${remote}?branch=b&subdir=s&commit=0123456789&keep-git-dir=1&submodules=false`), [
    remote,
    "refs/heads/b",
    "s",
    "0123456789",
    true,
    false,
  ]);
  assert.deepEqual(pick(`${remote}?tag=t`).slice(0, 2), [remote, "refs/tags/t"]);
});

test("what a repository's address says twice, or says nothing with, is refused in BuildKit's words", () => {
  const remote = "https://h/r.git";
  for (const [address, message] of [
    ["?ref=a&tag=b", 'ref conflicts: "a" vs "refs/tags/b"'],
    ["?tag=a&ref=b", 'ref conflicts: "b" vs "refs/tags/a"'],
    ["?tag=a&branch=a", "branch conflicts with tag"],
    ["?ref=a#b", 'ref conflicts: "b" vs "a"'],
    ["?subdir=a#:b", 'subdir conflicts: "b" vs "a"'],
    ["?ref=a&ref=a", 'query "ref" has multiple values'],
    ["?tag=", 'query "tag" has no value'],
    ["?checksum=", 'query "checksum" has no value'],
    ["?keep-git-dir=foo", 'invalid keep-git-dir value: "foo"'],
    ["?submodules=foo", 'invalid submodules value: "foo"'],
  ])
    assert.throws(() => gitNode(`${remote}${address}`), { kind: "invalid", message });
  assert.ok(gitNode(`${remote}?keep-git-dir&submodules=f`).keepsGitDir);
  assert.equal(gitNode("git@h:r.git?ref=a").ref, "a");
  assert.equal(gitNode(`${remote}?tag=refs/tags/a&ref=refs/tags/a`).ref, "refs/tags/a");
  // A commit alone is what is fetched; the one of an instruction is only compared.
  assert.equal(gitNode(`${remote}?commit=0123456789`).ref, "0123456789");
  assert.equal(gitNode(remote, { checksum: "0123456789" }).ref, "");
  const checksum = "0123456789";
  assert.equal(gitNode(`${remote}?commit=${checksum}`, { checksum }).checksum, checksum);
  assert.throws(() => gitNode(`${remote}?commit=${checksum}`, { checksum: "9876543210" }), {
    message: 'checksum mismatch "9876543210" != "0123456789"',
  });
});

test("what git would take for an option or for two things is refused", () => {
  for (const address of [
    ...[
      "https://h/r.git#--upload-pack=x",
      "https://h/r.git#main..v1",
      "https://h/r.git#+a",
      "https://h/r.git#^a",
      "https://h/r.git#a@{1}",
      "https://h/r.git#a//b",
      "https://h/r.git#a/.b",
      "https://h/r.git#a.lock",
      "https://h/r.git?ref=a%07",
      "https://h/r.git#a b",
    ],
    ...["https://h/r.git?ref=-x", "https://h/r.git?checksum=xyz", "https://h/r.git?foo=1", "git@h:r .git"],
    ...["-ux@h:r.git", "ext::sh -c x", "ext::sh", "my-way::h/r"],
  ])
    assert.throws(() => gitNode(address), { kind: "invalid" }, address);
});

test("refs are what git calls valid, and hosts may be numbers", () => {
  for (const ref of ["a+b", "a#b", "a=b", "a,b", "100%", "größe", "refs/heads/x", "a@b", "a{b}"])
    assert.equal(gitNode(`https://h/r.git?ref=${encodeURIComponent(ref)}`).ref, ref);
  for (const remote of ["http://[::1]:80/r.git", "ssh://git@[2001:db8::1]/r"])
    assert.equal(gitNode(`${remote}#a+b`).ref, "a+b");
});

test("credentials of an address are not shown", () => {
  assert.doesNotMatch(gitNode("https://user:secret@h/r.git#v1").name, /user|secret/);
  assert.throws(
    () => gitNode("https://user:secret@h/r.git#-x?"),
    ({ message }: Error) => !/secret/.test(message),
  );
  assert.throws(
    () => gitNode("https://user:secret@h/r.git?foo=1"),
    ({ message }: Error) => !/secret/.test(message),
  );
});
