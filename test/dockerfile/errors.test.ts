import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { showError } from "./show.ts";

/** In the words of dockerd 28.5.2, and at its lines. */
const refused: [text: string, error: string][] = [
  ["", "-: the Dockerfile cannot be empty"],
  ["\n\n# x\n", "3: file with no instructions"],
  ["ARG a=b\n", "-: dockerfile contains no stages to build"],
  ["# escape=x\nFROM scratch\n", "1: invalid escape token 'x' does not match ` or \\"],
  ["# escape=`\n# escape=`\nFROM scratch", "2: only one escape parser directive can be used"],
  ["RUN x\n", "1: no build stage in current context"],
  ["ENV a=b\nFROM scratch", "1: no build stage in current context"],
];

/** Behind a line `FROM scratch`, and with `dockerfile parse error on line 2: ` in front. */
const senseless: [text: string, error: string][] = [
  ["FROM", "FROM requires either one or three arguments"],
  ["FROM a b", "FROM requires either one or three arguments"],
  ["FROM a as b c", "FROM requires either one or three arguments"],
  ["FROM a AS 1a", `invalid name for build stage: "1a", name can't start with a number or contain symbols`],
  ["FROM a AS a$b", `invalid name for build stage: "a$b", name can't start with a number or contain symbols`],
  ["FROM --platfrom=x a", "unknown flag: --platfrom (did you mean platform?)"],
  ["FROM --platform a", "missing a value on flag: --platform"],
  ["FROM --platform a b", "FROM requires either one or three arguments"],
  ["ENV", "ENV requires at least one argument"],
  ["ENV =b", "ENV names can not be blank"],
  ["LABEL", "LABEL requires at least one argument"],
  ["LABEL =x", "LABEL names can not be blank"],
  [
    "COPY a",
    "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
  ],
  [
    "ADD",
    "ADD requires at least two arguments, but only one was provided. Destination could not be determined",
  ],
  ["COPY --form=x a b", "unknown flag: --form (did you mean from?)"],
  ["COPY --link=yes a b", "expecting boolean value for flag --link, not: yes"],
  ["COPY --link= a b", "missing a value on flag: --link"],
  ["COPY --link --link a b", "duplicate flag specified: --link"],
  ["COPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown"],
  ["COPY --chmod a b", "missing a value on flag: --chmod"],
  ["SHELL", "SHELL requires at least one argument"],
  ["SHELL []", "SHELL requires at least one argument"],
  ["SHELL sh -c", "SHELL requires the arguments to be in JSON form"],
  ["WORKDIR", "WORKDIR requires exactly one argument"],
  ["WORKDIR --x a", "unknown flag: --x"],
  ["USER", "USER requires exactly one argument"],
  ["EXPOSE", "EXPOSE requires at least one argument"],
  ["VOLUME", "VOLUME requires at least one argument"],
  ["VOLUME []", "VOLUME requires at least one argument"],
  [`VOLUME [""]`, "VOLUME specified can not be an empty string"],
  ["STOPSIGNAL", "STOPSIGNAL requires exactly one argument"],
  ["MAINTAINER", "MAINTAINER requires exactly one argument"],
  ["MAINTAINER --x a", "unknown flag: --x"],
  ["ARG", "ARG requires at least one argument"],
  ["ARG =x", "ARG names can not be blank"],
  ["ARG a=b =x", "ARG names can not be blank"],
  ["ONBUILD", "ONBUILD requires at least one argument"],
  ["ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["ONBUILD maintainer x", "MAINTAINER isn't allowed as an ONBUILD trigger"],
  ["ONBUILD --x RUN a", "unknown flag: --x"],
  ["HEALTHCHECK", "HEALTHCHECK requires at least one argument"],
  ["HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"],
  ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
  ["HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"],
  ["HEALTHCHECK FOO x", `Unknown type "FOO" in HEALTHCHECK (try CMD)`],
  ["HEALTHCHECK --interval=1 CMD x", `time: missing unit in duration "1"`],
  ["HEALTHCHECK --interval=1x CMD x", `time: unknown unit "x" in duration "1x"`],
  ["HEALTHCHECK --interval=s CMD x", `time: invalid duration "s"`],
  ["HEALTHCHECK --interval=1.5.s CMD x", `time: missing unit in duration "1.5.s"`],
  ["HEALTHCHECK --interval=9999999999h CMD x", `time: invalid duration "9999999999h"`],
  ["HEALTHCHECK --interval=1us CMD x", `Interval "interval" cannot be less than 1ms`],
  ["HEALTHCHECK --interval=-1s CMD x", `Interval "interval" cannot be less than 1ms`],
  ["HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"],
  ["HEALTHCHECK --retries=a CMD x", `strconv.ParseInt: parsing "a": invalid syntax`],
  ["HEALTHCHECK --retries=99999999999 CMD x", `strconv.ParseInt: parsing "99999999999": value out of range`],
  ["RUN --foo x", "unknown flag: --foo"],
  ["RUN --mount type=tmpfs,target=/x true", "missing a value on flag: --mount"],
  ["RUN --mount= x", "failed to parse csv mounts: EOF"],
  [
    `RUN --mount='type=cache,"target=/x' x`,
    `failed to parse csv mounts: parse error on line 1, column 13: extraneous or missing " in quoted-field`,
  ],
  [
    "RUN --mount=target=/x,from=$a x",
    "'from' doesn't support variable expansion, define alias stage instead",
  ],
  ["RUN --network=hots x", `invalid network mode "hots"`],
  ["RUN --network= x", `invalid network mode ""`],
  ["RUN --device=a,foo=b x", "unexpected key 'foo' in 'foo=b'"],
  ["RUN --device= x", "failed to parse csv devices: EOF"],
  ...[
    "EXPOSE --x 80",
    "VOLUME --x /a",
    'SHELL --x ["a"]',
    "CMD --x a",
    "ENTRYPOINT --x a",
    "LABEL --x a=b",
  ].map((text): [string, string] => [text, "unknown flag: --x"]),
  ["ENV --x=1 a=b", "unknown flag: --x"],
  ["HEALTHCHECK --x FOO", "unknown flag: --x"],
  ["USER --x", "USER requires exactly one argument"],
  ["ADD --from=x a /", "unknown flag: --from"],
  ["COPY --keep-git-dir a /", "unknown flag: --keep-git-dir"],
  ["COPY --chmodd=1 a /", "unknown flag: --chmodd (did you mean chmod?)"],
  ["RUN --mout=type=ssh x", "unknown flag: --mout (did you mean mount?)"],
  ["RUN --network=none --network=host x", "duplicate flag specified: --network"],
  ["HEALTHCHECK --interval 1s CMD x", "missing a value on flag: --interval"],
  ["HEALTHCHECK --retries=1_0 CMD x", `strconv.ParseInt: parsing "1_0": invalid syntax`],
  ["HEALTHCHECK --interval=. CMD x", `time: invalid duration "."`],
  ["HEALTHCHECK --interval=1h-5m CMD x", `time: unknown unit "h-" in duration "1h-5m"`],
  ["ENV\u00a0a=b", "unknown instruction: ENV\u00a0a=b"],
  ["\u0000", "unknown instruction: \u0000"],
  ["FOO x", "unknown instruction: FOO (did you mean FROM?)"],
  ["FROMM a", "unknown instruction: FROMM (did you mean FROM?)"],
  ["CoPi a b", "unknown instruction: CoPi (did you mean copy?)"],
  ["\\\n", "unknown instruction: "],
];

/** Behind a line `FROM scratch`: what cannot be taken apart. */
const broken: [text: string, error: string][] = [
  ["ENV a\n", "2: ENV must have two arguments"],
  ["ONBUILD ENV a\n", "2: ENV must have two arguments"],
  ["LABEL a\n", "2: LABEL must have two arguments"],
  ["ENV a=b c\n", `2: Syntax error - can't find = in "c". Must be of the form: name=value`],
  ["LABEL a=b \\\n\n c\n", `2-4: Syntax error - can't find = in "c". Must be of the form: name=value`],
  [`ADD ["a","b",1]\n`, "2: when using JSON array syntax, arrays must be comprised of strings only"],
  ["RUN [1]\n", "2: when using JSON array syntax, arrays must be comprised of strings only"],
  ["HEALTHCHECK CMD [1]\n", "2: when using JSON array syntax, arrays must be comprised of strings only"],
  ["COPY <<EOF /x\nabc\n", "2-3: unterminated heredoc"],
  ["COPY <<a\n", "2: unterminated heredoc"],
  // It opens none, so that what follows is no content.
  [
    "COPY <<E'OF /x\nabc\n",
    "3: dockerfile parse error on line 3: unknown instruction: abc (did you mean add?)",
  ],
  [
    "COPY a <<EOF\nEOF\n",
    "2-3: dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination",
  ],
  [
    "COPY --from=$a x /\n",
    "2: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
  ],
  // What cannot be taken apart counts before what makes no sense, wherever it stands.
  ["foo\nENV a\n", "3: ENV must have two arguments"],
  [`LABEL a=${"x".repeat(65_527)}\n`, "2: dockerfile line greater than max allowed size of 65535"],
  ["FOO \\\n\n x\n", "2-4: dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)"],
];

describe("a Dockerfile is refused in BuildKit's words", () => {
  it("as a whole", () => {
    for (const [text, error] of refused) assert.equal(showError(text), error, text);
  });

  it("for an instruction that makes no sense", () => {
    for (const [text, error] of senseless) {
      const expected = `2: dockerfile parse error on line 2: ${error}`;
      assert.equal(showError(`FROM scratch\n${text}`), expected, text);
    }
  });

  it("for an instruction that cannot be taken apart", () => {
    for (const [text, error] of broken) assert.equal(showError(`FROM scratch\n${text}`), error, text);
  });
});
