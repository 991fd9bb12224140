import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, mock } from "node:test";
import { openBrowser } from "../../src/cli/ui/open-browser.ts";
import { eventually } from "../engine.ts";

const url = `http://127.0.0.1:9000/#${"t".repeat(43)}`;

/** A desktop whose opener writes down what it was given. */
function makeDesktop() {
  const home = mkdtempSync(join(tmpdir(), "berth-desktop-"));
  const said = join(home, "said");
  const script = `#!/bin/sh\nprintf %s "$*" >${said}.new\nmv ${said}.new ${said}\n`;
  writeFileSync(join(home, "xdg-open"), script, { mode: 0o755 });
  const env = { HOME: home, PATH: `${home}:${process.env.PATH}`, DISPLAY: ":1" };
  return {
    open() {
      const own = process.getuid;
      // Nothing is opened for root.
      process.getuid = () => 1000;
      const close = openBrowser({ stdout: { isTTY: true }, env } as never, url);
      if (own) process.getuid = own;
      return close;
    },
    said: () => (existsSync(said) ? readFileSync(said, "utf8") : ""),
    ways: () => readdirSync(home).filter((name) => name.startsWith("berth-ui-")),
    remove: () => rmSync(home, { recursive: true }),
  };
}

describe("opening a browser", () => {
  it("has no token in a command line: a file of the user's alone leads to the address", async () => {
    const desktop = makeDesktop();
    const close = desktop.open();
    const path = await eventually(desktop.said, (text) => text !== "");
    assert.match(path, /^\/[^#]*\/open\.html$/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, "utf8"), new RegExp(`content="0; url=${url}">`));
    close();
    assert.deepEqual(desktop.ways(), []);
    desktop.remove();
  });

  it("leaves no file behind, also while the page is served", async () => {
    const desktop = makeDesktop();
    mock.timers.enable({ apis: ["setTimeout"] });
    desktop.open();
    assert.equal(desktop.ways().length, 1);
    mock.timers.tick(60_000);
    mock.timers.reset();
    assert.deepEqual(desktop.ways(), []);
    await eventually(desktop.said, (text) => text !== "");
    desktop.remove();
  });
});
