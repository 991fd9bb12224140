import assert from "node:assert/strict";
import { test } from "node:test";
import { bool, bytes, int, map, repeated, string } from "../../src/cli/flag.ts";
import { FlagError, parseFlags } from "../../src/cli/parse-flags.ts";

const flags = {
  all: bool("a", ""),
  interactive: bool("i", ""),
  tty: bool("t", ""),
  publish: repeated("p", ""),
  name: string("", ""),
  last: int("n", "", -1),
  memory: bytes("m", ""),
  sysctl: map("", ""),
  "sig-proxy": bool("", "", true),
};

const parse = (line: string, interspersed = true) =>
  parseFlags(flags, line === "" ? [] : line.split(" "), { interspersed });

test("flags are read in every spelling", () => {
  assert.deepEqual(parse("-it").values.tty, true);
  assert.deepEqual(parse("-p80:80 -p=81:81 -p 82:82 --publish 83:83 --publish=84:84").values.publish, [
    "80:80",
    "81:81",
    "82:82",
    "83:83",
    "84:84",
  ]);
  assert.deepEqual(parse("-itp80").values.publish, ["80"]);
  assert.equal(parse("--sig-proxy=false").values["sig-proxy"], false);
  assert.equal(parse("-a=0").values.all, false);
  assert.equal(parse("--name=a=b").values.name, "a=b");
  assert.equal(parse("--name=").values.name, "");
  assert.equal(parse("-n 3").values.last, 3);
  assert.equal(parse("-n -1").values.last, -1);
  assert.equal(parse("-m 64m").values.memory, 67108864);
  assert.deepEqual(parse("--sysctl a=b=c --sysctl d").values.sysctl, { a: "b=c", d: "" });
});

test("arguments and flags may be mixed, unless the first argument ends the flags", () => {
  assert.deepEqual(parse("x -a y").args, ["x", "y"]);
  assert.equal(parse("x -a y").values.all, true);
  const stopped = parse("-i image -a --name z", false);
  assert.deepEqual(stopped.args, ["image", "-a", "--name", "z"]);
  assert.equal(stopped.values.all, false);
});

test("two dashes end the flags, one dash is an argument", () => {
  assert.deepEqual(parse("-a -- -i --foo").args, ["-i", "--foo"]);
  assert.deepEqual(parse("- x").args, ["-", "x"]);
  assert.deepEqual(parse("-i -- image", false).args, ["image"]);
});

test("what was given is known, also with the default's value", () => {
  assert.deepEqual([...parse("--last=-1 -a").given], ["last", "all"]);
});

const wrong: Record<string, string> = {
  "--foo": "unknown flag: --foo",
  "--foo=1": "unknown flag: --foo",
  "--constructor": "unknown flag: --constructor",
  "-x": "unknown shorthand flag: 'x' in -x",
  "-ax": "unknown shorthand flag: 'x' in -x",
  "-n": "flag needs an argument: 'n' in -n",
  "--last": "flag needs an argument: --last",
  "-n x": 'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax',
  "-a=x": 'invalid argument "x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax',
  "-m x": 'invalid argument "x" for "-m, --memory" flag: invalid size: \'x\'',
  "--sig-proxy=": 'invalid argument "" for "--sig-proxy" flag: strconv.ParseBool: parsing "": invalid syntax',
  "---": "bad flag syntax: ---",
  "--=x": "bad flag syntax: --=x",
};

for (const [line, message] of Object.entries(wrong)) {
  test(`${line} is refused: ${message}`, () => {
    assert.throws(
      () => parse(line),
      (error) => error instanceof FlagError && error.message === message,
    );
  });
}
