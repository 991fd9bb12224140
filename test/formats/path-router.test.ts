import assert from "node:assert/strict";
import { test } from "node:test";
import { createPathRouter, pathOfTarget } from "../../src/formats/path-router.ts";

const routes = [
  ["GET", "/images/json", "list"],
  ["GET", "/images/*name/json", "inspect"],
  ["POST", "/images/:id/tag", "tag"],
] as const;
const find = createPathRouter(routes, { mayEndInSlash: false });

test("the first route of the method that fits is found, with what stands in its names", () => {
  assert.deepEqual(find("GET", "/images/json"), { route: routes[0], parameters: {} });
  const { route, parameters } = find("GET", "/images/a/b%2Fc/json") ?? {};
  assert.equal(route?.[2], "inspect");
  assert.deepEqual(parameters, { name: "a/b/c" });
  assert.deepEqual(find("POST", "/images/__proto__/tag")?.parameters.id, "__proto__");
});

test("other methods, cases, lengths and ends find nothing", () => {
  for (const [method, path] of [
    ["POST", "/images/json"],
    ["GET", "/Images/json"],
    ["GET", "/images//json"],
    ["GET", "/images/json/"],
    ["POST", "/images/a/b/tag"],
    ["CONNECT", "*"],
  ] as const)
    assert.equal(find(method, path), undefined, `${method} ${path}`);
  const lenient = createPathRouter(
    [
      ["GET", "/with/"],
      ["GET", "/without"],
    ],
    { mayEndInSlash: true },
  );
  for (const path of ["/with", "/with/", "/without", "/without/"]) assert.ok(lenient("GET", path), path);
});

test("a parameter that cannot be decoded is an error", () => {
  assert.throws(() => find("POST", "/images/%zz/tag"), { name: "URIError", message: /decode param '%zz'/ });
});

test("the path is told from a query, a fragment and a whole URL", () => {
  for (const [target, path] of [
    ["/info", "/info"],
    ["/info?a=/b#c", "/info"],
    ["/a#b?c", "/a"],
    ["http://host:80/info?x", "/info"],
    ["http://host", "/"],
    ["*", "*"],
    ["/a\n?b\nc", "/a\n"],
  ] as const)
    assert.equal(pathOfTarget(target), path);
});
