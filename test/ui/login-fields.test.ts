import assert from "node:assert/strict";
import { it } from "node:test";
import { loginFields } from "../../ui/login-fields.ts";

it("a login's form sends a password as it was typed, and a token without what was pasted around it", () => {
  assert.deepEqual(
    loginFields([
      ["name", " ada "],
      ["password", " love lace "],
      ["token", "abc\n"],
    ]),
    { name: "ada", password: " love lace ", token: "abc" },
  );
});
