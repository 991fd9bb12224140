import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  executeTemplate,
  goStruct,
  parseTemplate,
  TemplateError,
} from "../../src/formats/go-template/go-template.ts";
import { typeJson } from "../../src/formats/go-template/inspect-types.ts";

const container: unknown = JSON.parse(
  readFileSync(new URL("./container-inspect.json", import.meta.url), "utf8"),
);

/** As `inspect` does: the known types first, then the JSON as it came. */
function inspect(source: string): string {
  try {
    const template = parseTemplate(source);
    try {
      return executeTemplate(template, typeJson(container, "Container"));
    } catch {
      return executeTemplate(template, container, { missingKey: "error" });
    }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return `! ${error.message}`;
  }
}

/** Template → what `docker inspect --format` (28.2) prints for the same JSON; `!` marks an error. */
const table: readonly (readonly [string, string])[] = [
  ["{{.State.Pid}}", "6792"],
  ["{{.NetworkSettings.IPAddress}}", "172.17.0.2"],
  [
    "{{range $p, $conf := .NetworkSettings.Ports}} {{$p}} -> {{with $conf}}{{(index . 0).HostPort}}{{else}}none{{end}} {{end}}",
    " 22/tcp -> 2222  443/tcp -> none  80/tcp -> 8080 ",
  ],
  ['{{(index (index .NetworkSettings.Ports "22/tcp") 0).HostPort}}', "2222"],
  ["{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "172.17.0.2"],
  [
    "{{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPAddress}}/{{.IPPrefixLen}}{{end}}",
    "bridge=172.17.0.2/16",
  ],
  ["{{.NetworkSettings.Networks.bridge.Gateway}}", "172.17.0.1"],
  ["{{json .Config.Labels}}", '{"a":"1","b":"two"}'],
  [
    "{{json .NetworkSettings.Ports}}",
    '{"22/tcp":[{"HostIp":"0.0.0.0","HostPort":"2222"}],"443/tcp":null,"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}]}',
  ],
  ["{{json .Config.Env}}", '["X=1","PATH=/bin:<&>"]'],
  ["{{.Config.Labels}}", "map[a:1 b:two]"],
  ["{{.Config.Labels.a}}", "1"],
  ["{{.Config.Labels.missing}}", "<no value>"],
  ...["constructor", "valueOf", "toString", "hasOwnProperty", "__proto__"].map(
    (name) => [`{{.Config.Labels.${name}}}`, "<no value>"] as const,
  ),
  ['{{index .Config.Labels "b"}}', "two"],
  ['{{index .Config.Labels "missing"}}', ""],
  ['{{index .NetworkSettings.Ports "1/tcp"}}', "<no value>"],
  ["{{.Config.Env}}", "[X=1 PATH=/bin:<&>]"],
  ["{{range .Config.Env}}{{println .}}{{end}}", "X=1\nPATH=/bin:<&>\n"],
  ["{{range $i, $e := .Config.Env}}{{$i}}={{$e}},{{end}}", "0=X=1,1=PATH=/bin:<&>,"],
  ["{{range .Config.OnBuild}}x{{else}}none{{end}}", "none"],
  ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
  ['{{if eq .State.Status "exited"}}ex{{else if eq .State.Status "running"}}up{{else}}down{{end}}', "up"],
  ["{{if and .State.Running (not .State.Paused) (gt .State.Pid 1)}}yes{{end}}", "yes"],
  ["{{with .State}}{{.Status}} {{$.Name}}{{end}}", "running /web"],
  ['{{with .Config.Entrypoint}}a{{else with .Config.Cmd}}{{join . " "}}{{end}}', "sleep 100"],
  ["{{.Name | upper}}", "/WEB"],
  ['{{.Name | printf "%-10s|"}}', "/web      |"],
  [
    '{{printf "%s %d %v %q %x %t %5d %-5d| %05d" .Name 5 .State.Pid .Name .Name true 42 42 42}}',
    '/web 5 6792 "/web" 2f776562 true    42 42   | 00042',
  ],
  [
    '{{printf "%05.2f %e %g %8.3f %+d %X %o %b %c %U" 3.14159 3.14159 3.14159 2.5 7 255 8 5 65 65}}',
    "03.14 3.141590e+00 3.14159    2.500 +7 FF 10 101 A U+0041",
  ],
  ['{{printf "%d" "a"}}', "%!d(string=a)"],
  ['{{printf "%d"}}', "%!d(MISSING)"],
  ['{{printf "%s" 1 2}}', "%!s(int=1)%!(EXTRA int=2)"],
  ['{{printf "%!"}}', "%!!(MISSING)"],
  ['{{printf "%T %T %T" 1 "a" true}}', "int string bool"],
  ['{{printf "%*d|%-*d|" 5 1 5 2}}', "    1|2    |"],
  ['{{printf "%[2]d %[1]d" 1 2}}', "2 1"],
  ['{{printf "%6.2f|%-8q|%.3s|%%" 2.0 "a" "abcdef"}}', '  2.00|"a"     |abc|%'],
  ['{{printf "%v %v" .Config.Labels .Config.Env}}', "map[a:1 b:two] [X=1 PATH=/bin:<&>]"],
  ['{{printf "%q" .Config.Env}}', '["X=1" "PATH=/bin:<&>"]'],
  ['{{printf "%s|%s" .Config.Labels .Config.ExposedPorts}}', "map[a:1 b:two]|map[80/tcp:{}]"],
  [
    '{{printf "%4s|%-4s|%.1s|%5v" .Config.Labels .Args .Args .Args}}',
    "map[   a:   1    b: two]|[100  a b ]|[1 a]|[  100   a b]",
  ],
  [
    '{{printf "%d|%x|%3d" .Args .Args .Config.Labels}}',
    "[%!d(string=100) %!d(string=a b)]|[313030 612062]|map[%!d(string=  a):%!d(string=  1) %!d(string=  b):%!d(string=two)]",
  ],
  ["{{len .Config.Env}} {{len .Name}}", "2 4"],
  ["{{slice .Name 1 3}} {{slice .Id 0 12}} {{slice .Args 1}}", "we 8ed068b91474 [a b]"],
  ['{{join .Config.Env ","}}', "X=1,PATH=/bin:<&>"],
  ['{{split .Name "/"}}', "[ web]"],
  [
    '{{title "hello world"}} {{lower "ABC"}} {{upper "abc"}} {{pad "x" 2 3}}| {{truncate "abcdef" 3}}',
    "Hello World abc ABC   x   | abc",
  ],
  [
    `{{title "it's a_b(c)-d/e+f 1x é b·c d—e \\u00a0g ǆ ßx [h {i<j&k"}}`,
    "It'S A_b(C)-D/E+F 1x É B·c D—e \u00a0G ǅ ßx [H {I<J&K",
  ],
  ['{{and true false}} {{or false "x"}} {{not 0}} {{and 1 0}} {{or 0 ""}}', "false x true 0 "],
  [
    '{{eq 1 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 1}} {{eq 1 2 3 1}} {{lt "a" "b"}}',
    "true true true true false true true true",
  ],
  ['{{print 1 2 "a" "b" 3 4}}', "1 2ab3 4"],
  ["{{println 1 2}}", "1 2\n"],
  ['{{html "<a&b>"}} {{js "it\'s"}} {{urlquery "a b&c"}}', "&lt;a&amp;b&gt; it\\'s a+b%26c"],
  ["{{/* comment */}}x", "x"],
  ["x {{- 1 -}} y", "x1y"],
  ["{{- /* c */ -}} z", "z"],
  ['a {{- " b " -}} c', "a b c"],
  ["{{$x := 5}}{{$x}}{{$x = 6}}{{$x}}", "56"],
  ["{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{end}}{{$x}}", "2"],
  ["{{range $i, $e := .Config.Env}}{{if $i}}{{break}}{{end}}{{$e}}{{end}}", "X=1"],
  ["{{range $i, $e := .Config.Env}}{{if not $i}}{{continue}}{{end}}{{$e}}{{end}}", "PATH=/bin:<&>"],
  ["{{range 3}}{{.}}{{end}}", "012"],
  [
    "{{\"a\\tb\"}} {{`raw\\n`}} {{'a'}} {{0x1f}} {{1e3}} {{1.5}} {{1_000}} {{-3}}",
    "a\tb raw\\n 97 31 1000 1.5 1000 -3",
  ],
  ["{{.Mounts}}", "[{bind  /tmp /mnt  ro false rslave}]"],
  ["{{range .Mounts}}{{.Source}}:{{.Destination}}:{{.RW}}{{end}}", "/tmp:/mnt:false"],
  ["{{.HostConfig.PortBindings}}", "map[80/tcp:[{ 8080}]]"],
  ["{{.HostConfig.RestartPolicy}} {{.HostConfig.RestartPolicy.Name}}", "{always 0} always"],
  [
    "{{.HostConfig.LogConfig}} {{.HostConfig.Binds}} {{.HostConfig.CapAdd}}",
    "{json-file map[]} [/tmp:/mnt:ro] []",
  ],
  [
    "{{.HostConfig.OomKillDisable}} {{.HostConfig.MemorySwappiness}} {{.HostConfig.Init}}",
    "<nil> <nil> <nil>",
  ],
  ["{{.HostConfig.Memory}} {{.HostConfig.ShmSize}}", "67108864 67108864"],
  ["{{.NetworkSettings.Ports}}", "map[22/tcp:[{0.0.0.0 2222}] 443/tcp:[] 80/tcp:[{0.0.0.0 8080} {:: 8080}]]"],
  [
    "{{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.ExposedPorts}} {{.Config.Volumes}}",
    "[] [sleep 100] map[80/tcp:{}] map[]",
  ],
  [
    "{{.State}}",
    "{running true false false false false 6792 0  2026-11-20T19:07:35.738680238Z 0001-01-01T00:00:00Z <nil>}",
  ],
  ["{{.State.Health}} {{if .State.Health}}h{{else}}n{{end}}", "<nil> n"],
  [
    "{{.SizeRw}} {{.ID}} {{.Id}}",
    '! template: :1:2: executing "" at <.SizeRw>: map has no entry for key "SizeRw"',
  ],
  ["{{.Foo}}", '! template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
  ["{{.State.Foo}}", '! template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  [
    "{{.State.Health.Status}}",
    '! template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health"',
  ],
  [
    "{{.Name.Foo}}",
    '! template: :1:7: executing "" at <.Name.Foo>: can\'t evaluate field Foo in type interface {}',
  ],
  ["{{.State.Running", "! template: :1: unclosed action"],
  ["{{.State.Running}", "! template: :1: bad character U+007D '}'"],
  ["{{if}}x{{end}}", "! template: :1: missing value for if"],
  ["{{if true}}x", "! template: :1: unexpected EOF"],
  ["{{end}}", "! template: :1: unexpected {{end}}"],
  ["{{else}}", "! template: :1: unexpected {{else}}"],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}{{template "t" 1}}', "</web><1>"],
  ['{{block "t" .Name}}[{{$}}]{{end}}{{template "t" "again"}}', "[/web][again]"],
  ['{{define "a"}}{{template "b" .}}{{end}}{{define "b"}}b{{.}}{{end}}{{template "a" 2}}', "b2"],
  [
    '{{template "nosuch"}}',
    '! template: :1:11: executing "" at <{{template "nosuch"}}>: template "nosuch" not defined',
  ],
  ['{{if 1}}{{define "t"}}{{end}}{{end}}', "! template: :1: unexpected <define> in command"],
  ['{{define "t"}}', "! template: :1: unexpected EOF"],
  ["{{template t}}", '! template: :1: unexpected "t" in template clause'],
  ["{{foo}}", '! template: :1: function "foo" not defined'],
  ["{{.Name | foo}}", '! template: :1: function "foo" not defined'],
  ["{{$x}}", '! template: :1: undefined variable "$x"'],
  [
    "{{index .Config.Env 99}}",
    '! template: :1:2: executing "" at <index .Config.Env 99>: error calling index: index out of range: 99',
  ],
  [
    '{{index .Name "a"}}',
    '! template: :1:2: executing "" at <index .Name "a">: error calling index: cannot index slice/array with type string',
  ],
  ["{{nil}}", '! template: :1:2: executing "" at <nil>: nil is not a command'],
  ['{{"abc}}', "! template: :1: unterminated quoted string"],
  ["{{'a}}", "! template: :1: unterminated character constant"],
  ["{{1a}}", '! template: :1: bad number syntax: "1a"'],
  ["{{.Name@}}", "! template: :1: bad character U+0040 '@'"],
  ["{{@}}", '! template: :1: unexpected "@" in command'],
  ["{{(1}}", "! template: :1: unclosed left paren"],
  ["{{1)}}", "! template: :1: unexpected right paren"],
  ['{{"a".b}}', '! template: :1: unexpected . after term "\\"a\\""'],
  ["{{range .Name}}x{{end}}", '! template: :1:8: executing "" at <.Name>: range can\'t iterate over /web'],
  ["{{.Name 1}}", '! template: :1:2: executing "" at <.Name>: Name is not a method but has arguments'],
  ["{{}}", "! template: :1: missing value for command"],
  ["{{1 | 2}}", "! template: :1: non executable command in pipeline stage 2"],
  ["{{range $a, $b, $c := .Config.Env}}{{end}}", "! template: :1: too many declarations in range"],
  ["{{$a, $b := .Config.Env}}", "! template: :1: too many declarations in command"],
  ["{{break}}", "! template: :1: {{break}} outside {{range}}"],
  ["{{len 3}}", '! template: :1:2: executing "" at <len 3>: error calling len: len of type int'],
  [
    '{{lt 1 "a"}}',
    '! template: :1:2: executing "" at <lt 1 "a">: error calling lt: incompatible types for comparison',
  ],
  [
    '{{eq 1 "a"}}',
    '! template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison',
  ],
  ["{{not}}", '! template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 0'],
  ["{{eq 1}}", '! template: :1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison'],
  ["{{not 1 2}}", '! template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 2'],
  ["a\n {{.State.Foo}}", '! template: :2:9: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  ["{{json .State.Running}} {{json .Name}} {{json nil}}", 'true "/web" null'],
  ["{{$}}{{break}}", "! template: :1: {{break}} outside {{range}}"],
  ["{{if true}}{{else}}{{else}}{{end}}", "! template: :1: expected end; found {{else}}"],
  ["{{range .Args}}{{.}}{{end}}{{end}}", "! template: :1: unexpected {{end}}"],
  ["{{/* open", "! template: :1: unclosed comment"],
  ['{{.Name | len | printf "%03d"}}', "004"],
  ['{{(printf "%s" .Name) | len}}', "4"],
  ["{{(index .Mounts 0).Source}}", "/tmp"],
  ["{{ .Name }} {{\t.Name\t}}", "/web /web"],
  ['{{if not (eq .Name "x")}}ok{{end}}', "ok"],
  ['{{or (index .Config.Labels "missing") "default"}}', "default"],
  [
    "{{call .Name}}",
    '! template: :1:2: executing "" at <call .Name>: error calling call: non-function .Name of type string',
  ],
  ['{{eq .Name "/web" | not}}', "false"],
  ["{{upper 1}}", '! template: :1:8: executing "" at <1>: expected string; found 1'],
  [
    '{{join .Name ","}}',
    '! template: :1:7: executing "" at <.Name>: wrong type for value; expected []string; got string',
  ],
  [
    "{{len nil}}",
    '! template: :1:2: executing "" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value',
  ],
  ["{{eq}}", '! template: :1:2: executing "" at <eq>: wrong number of args for eq: want at least 1 got 0'],
  ["{{printf 1}}", '! template: :1:9: executing "" at <1>: expected string; found 1'],
  [
    "{{index .Config.Labels 1}}",
    '! template: :1:2: executing "" at <index .Config.Labels 1>: error calling index: value has type int; should be string',
  ],
  [
    "{{slice .Name 3 1}}",
    '! template: :1:2: executing "" at <slice .Name 3 1>: error calling slice: invalid slice index: 3 > 1',
  ],
  [
    "{{.Config.Labels.a.b}}",
    '! template: :1:9: executing "" at <.Config.Labels.a.b>: can\'t evaluate field b in type interface {}',
  ],
  ['{{truncate "é€😀x" 2}}', "é"],
  ['{{len "é"}}', "2"],
  ['{{printf "%5s|%-5s|" "é" "é"}}', "    é|é    |"],
  ['{{printf "%x" "é"}}', "c3a9"],
];

for (const [template, expected] of table) {
  test(`a template prints what Docker prints: ${template}`, () => {
    assert.equal(inspect(template), expected);
  });
}

test("a template of any nonsense either parses or fails with a template error, and never hangs", () => {
  const pieces = [
    "{{",
    "}}",
    "(",
    ")",
    "|",
    ".",
    "$x",
    ":=",
    "range",
    "if",
    "end",
    "else",
    '"',
    "`",
    "'",
    " ",
    "- ",
    " -",
    "1",
    "a",
  ];
  let seed = 7;
  const random = (limit: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % limit;
  };
  for (let round = 0; round < 3000; round++) {
    const source = Array.from({ length: 1 + random(12) }, () => pieces[random(pieces.length)]).join("");
    try {
      executeTemplate(parseTemplate(source), container);
    } catch (error) {
      assert.ok(error instanceof TemplateError, `${source}: ${error}`);
    }
  }
});

test("a list that is null is empty, and null as JSON", () => {
  const shown = (format: string, binds: unknown) =>
    executeTemplate(parseTemplate(format), typeJson({ HostConfig: { Binds: binds } }, "Container"));
  for (const [binds, json] of [
    [null, "null"],
    [undefined, "null"],
    [[], "[]"],
    [["/a:/b"], '["/a:/b"]'],
  ] as const) {
    assert.equal(shown("{{json .HostConfig.Binds}}", binds), json);
  }
  assert.equal(
    shown("{{.HostConfig.Binds}} {{len .HostConfig.Binds}}{{range .HostConfig.Binds}}x{{end}}", null),
    "[] 0",
  );
  assert.equal(shown("{{if .HostConfig.Binds}}some{{else}}none{{end}}", null), "none");
});

test("verbs that are wrong say so for each part, and of nil what Go says", () => {
  const data = { list: [1, "a", true, null, { x: 1.5 }], none: null };
  const show = (text: string) => executeTemplate(parseTemplate(text), data);
  assert.equal(show('{{printf "%s" .list}}'), "[%!s(int=1) a %!s(bool=true) <nil> map[x:%!s(float64=1.5)]]");
  assert.equal(show('{{printf "%s %d %v" .none .none .none}}'), "%!s(<nil>) %!d(<nil>) <nil>");
});

test("an integer that is more than a number holds is printed, compared and encoded to its last digit", () => {
  const say = (source: string) =>
    executeTemplate(parseTemplate(source), goStruct("T", { N: 2n ** 62n + 1n }, { N: 2n ** 62n + 1n }));
  for (const [source, said] of [
    ["{{.N}} {{json .N}} {{json .}}", '4611686018427387905 4611686018427387905 {"N":4611686018427387905}'],
    [
      '{{printf "%d %v %021d %T" .N .N .N .N}}',
      "4611686018427387905 4611686018427387905 004611686018427387905 int64",
    ],
    ["{{gt .N 5}} {{lt .N 5}} {{eq .N 5}} {{eq .N .N}}", "true false false true"],
  ] as const)
    assert.equal(say(source), said);
});
