import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfPort } from "../../ui/parts/port-address.ts";

test("a published port is opened where it is published, or where the page is", () => {
  const pages = ["http://[::1]:9000/", "http://localhost:9000/", "http://192.0.2.1:9000/"];
  const addresses = pages.map((page) => addressOfPort(undefined, 8080, new URL(page).hostname));
  assert.deepEqual(addresses, ["http://[::1]:8080/", "http://localhost:8080/", "http://192.0.2.1:8080/"]);
  assert.equal(addressOfPort("127.0.0.1", 80, "[::1]"), "http://127.0.0.1:80/");
  assert.equal(addressOfPort("2001:db8::5", 80, "localhost"), "http://[2001:db8::5]:80/");
});
