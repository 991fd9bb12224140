import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Request } from "playwright-core";
import { eventually } from "../../engine.ts";
import { findFreePort } from "../../free-port.ts";
import { useBrowser } from "./browser.ts";

describe("the page of a container", () => {
  const { berth, visit, ui } = useBrowser(() => [[], ["--read-only"]]);
  const shell = (name: string, script: string, ...flags: string[]) =>
    berth("run", "-d", "--name", name, "--stop-timeout", "0", ...flags, "busybox", "sh", "-c", script);

  it("shows what it is made of", async () => {
    await berth("volume", "create", "shown");
    await shell(
      "made",
      "sleep 1000",
      "-e",
      "COLOUR=<b>red</b>",
      "-v",
      "shown:/data",
      "-m",
      "64m",
      "--restart",
      "on-failure:3",
    );
    const page = await visit("/containers/made");
    for (const text of ["<b>red</b>", "COLOUR", "/data", "on-failure:3", "67.1 MB", "sh -c 'sleep 1000'"])
      await page.getByText(text, { exact: true }).waitFor();
    await page.getByRole("link", { name: "Inspect" }).click();
    await page.getByText("RestartPolicy").waitFor();
    assert.match(page.url(), /\/containers\/made\/inspect$/);
    await page.getByRole("link", { name: "Processes" }).click();
    await page
      .getByRole("cell", { name: /^sleep 1000/ })
      .first()
      .waitFor();
    await berth("exec", "made", "touch", "/etc/changed-here");
    await page.getByRole("link", { name: "Changes" }).click();
    await page.getByText("/etc/changed-here").waitFor();
    await page.getByRole("link", { name: "Stats" }).click();
    await page.locator(".chart canvas").first().waitFor();
    await page.locator(".legend", { hasText: "%" }).waitFor();
    await page.context().close();
  });

  it("walks through its files, shows, downloads and uploads them", async () => {
    const script =
      "mkdir -p /papers/deep; echo '<b>letter</b>' > /papers/letter; ln -s /papers/deep /papers/link; cp /bin/busybox /papers/program; sleep 1000";
    await shell("filed", script);
    const page = await visit("/containers/filed/files");
    const root = page.getByRole("table", { name: "Files of /", exact: true });
    await root.getByRole("button", { name: "papers" }).click();
    const papers = page.getByRole("table", { name: "Files of /papers" });
    await papers.getByRole("button", { name: "letter" }).click();
    const dialog = page.getByRole("dialog", { name: "/papers/letter" });
    await dialog.getByText("<b>letter</b>").waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(readFileSync(await saved.path(), "utf8"), "<b>letter</b>\n");
    await dialog.getByRole("button", { name: "Close" }).click();
    await papers.getByRole("button", { name: "program" }).click();
    await page.getByRole("dialog").getByText("This is not a text file.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await papers.getByRole("button", { name: "link" }).click();
    await page.getByText("This folder is empty.").waitFor();
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "Upload" }).click(),
    ]);
    await chooser.setFiles([
      { name: "Brief für alle.txt", mimeType: "text/plain", buffer: Buffer.from("sent") },
    ]);
    await page.getByRole("button", { name: "Brief für alle.txt" }).waitFor();
    assert.equal(await berth("exec", "filed", "cat", "/papers/deep/Brief für alle.txt"), "sent");
    await page.getByRole("button", { name: "Parent folder" }).click();
    await papers.waitFor();
    await berth("stop", "filed");
    await page.getByRole("button", { name: "Parent folder" }).click();
    await root.getByRole("button", { name: "papers" }).waitFor();
    await page.context().close();
    const readOnly = await visit("/containers/filed/files?path=/papers", {}, 1);
    await readOnly.getByRole("button", { name: "letter" }).waitFor();
    assert.equal(await readOnly.getByRole("button", { name: "Upload" }).count(), 0);
    await readOnly.context().close();
  });

  it("reads what a link leads to, ends what it does not show, and drops a late answer", async () => {
    const script =
      "mkdir /desk; echo written > /etc/letter; ln -s ../etc/letter /desk/link; ln -s gone /desk/dangling; " +
      "ln -s /dev/null /desk/device; echo early > /desk/early; truncate -s 300M /desk/large; touch /ready; sleep 1000";
    await shell("linked", script);
    await eventually(
      () => berth("exec", "linked", "ls", "/"),
      (text) => text.includes("ready"),
    );
    const page = await visit("/containers/linked/files");
    await page
      .getByRole("table", { name: "Files of /", exact: true })
      .getByRole("button", { name: "desk" })
      .click();
    const desk = page.getByRole("table", { name: "Files of /desk" });
    await desk.getByRole("button", { name: "link" }).click();
    const letter = page.getByRole("dialog", { name: "/desk/link" });
    await letter.getByText("written").waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      letter.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(saved.suggestedFilename(), "link");
    assert.equal(readFileSync(await saved.path(), "utf8"), "written\n");
    await letter.getByRole("button", { name: "Close" }).click();
    for (const name of ["dangling", "device"]) {
      await desk.getByRole("button", { name }).click();
      await page.locator(".notice", { hasText: name }).getByText("This file cannot be shown.").waitFor();
    }

    const isLarge = (request: Request) => request.url().endsWith("/archive?path=%2Fdesk%2Flarge");
    const [end] = await Promise.all([
      Promise.race([
        page.waitForEvent("requestfailed", isLarge).then(() => "ended"),
        page.waitForEvent("requestfinished", isLarge).then(() => "read to its end"),
      ]),
      desk.getByRole("button", { name: "large" }).click(),
    ]);
    assert.equal(end, "ended");
    await page.getByRole("dialog").getByText("This is not a text file.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();

    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const isEarly = (url: URL) => url.searchParams.get("path") === "/desk/early";
    await page.route(isEarly, async (route) => {
      await released;
      await route.continue();
    });
    await desk.getByRole("button", { name: "early" }).click();
    await desk.getByRole("button", { name: "link" }).click();
    await letter.getByText("written").waitFor();
    const isEarlyRequest = (request: Request) => isEarly(new URL(request.url()));
    await Promise.all([
      Promise.race([
        page.waitForEvent("requestfailed", isEarlyRequest),
        page.waitForEvent("requestfinished", isEarlyRequest),
      ]),
      release(),
    ]);
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))");
    assert.equal(await page.getByRole("dialog").getAttribute("aria-label"), "/desk/link");
    await letter.getByRole("button", { name: "Close" }).click();
    await page.goBack();
    await page.getByRole("table", { name: "Files of /", exact: true }).waitFor();
    await page.context().close();
  });

  it("asks before an upload replaces a file, and never replaces a folder", async () => {
    await shell("kept", "mkdir -p /box/folder; echo old > /box/folder/in; echo old > /box/file; sleep 1000");
    const page = await visit("/containers/kept/files?path=/box");
    await page.getByRole("button", { name: "folder", exact: true }).waitFor();
    const upload = async (name: string) => {
      const [chooser] = await Promise.all([
        page.waitForEvent("filechooser"),
        page.getByRole("button", { name: "Upload" }).click(),
      ]);
      await chooser.setFiles([{ name, mimeType: "text/plain", buffer: Buffer.from("new") }]);
    };
    await upload("folder");
    await page
      .getByRole("alert")
      .getByText(/cannot overwrite directory/)
      .waitFor();
    assert.equal(await berth("exec", "kept", "cat", "/box/folder/in"), "old");
    const question = page.getByRole("dialog", { name: "Replace this file?" });
    await upload("file");
    await question.getByText("file", { exact: true }).waitFor();
    await question.getByRole("button", { name: "Cancel" }).click();
    await question.waitFor({ state: "detached" });
    assert.equal(await berth("exec", "kept", "cat", "/box/file"), "old");
    await upload("file");
    await question.getByRole("button", { name: "Replace" }).click();
    await page.getByText("1 file uploaded").waitFor();
    assert.equal(await berth("exec", "kept", "cat", "/box/file"), "new");
    await page.context().close();
  });

  it("has a terminal that one types in, which has the page's size", async () => {
    await shell("typed", "sleep 1000");
    const page = await visit("/containers/typed/terminal");
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator(".xterm textarea").waitFor();
    const printed = page.locator(".xterm");
    await printed.getByText("/ #").first().waitFor();
    await page.keyboard.type("echo to$((40+2))gether > /tmp/typed; stty size\n");
    await printed
      .getByText(/^\d{2} \d{2,3}$/)
      .first()
      .waitFor();
    await eventually(
      () => berth("exec", "typed", "cat", "/tmp/typed"),
      (text) => text === "to42gether",
    );
    const wide = await printed
      .getByText(/^\d{2} \d{2,3}$/)
      .first()
      .textContent();
    await page.setViewportSize({ width: 700, height: 500 });
    await page.keyboard.type('clear; while [ "$(stty size)" = \'');
    await page.keyboard.type(`${wide?.trim()}' ]; do sleep 0.1; done; echo res"ized"\n`);
    await printed.getByText("resized").first().waitFor();
    await page.keyboard.type("exit\n");
    await page.getByText("The session has ended.").waitFor();
    await page.context().close();
  });

  it("attaches to the main process, and again when it has been left", async () => {
    await berth("run", "-dit", "--name", "attached", "--stop-timeout", "0", "busybox", "sh");
    const page = await visit("/containers/attached/terminal");
    for (const number of [42, 43]) {
      await page.getByRole("button", { name: "Attach" }).click();
      await page.locator(".xterm textarea:focus").waitFor({ state: "attached" });
      await page.keyboard.type(`echo at$((${number}))tached\n`);
      await page.locator(".xterm").getByText(`at${number}tached`).first().waitFor();
      await page.keyboard.press("Control+P");
      await page.keyboard.press("Control+Q");
      await page.getByText("The session has ended.").waitFor();
    }
    await page.context().close();
  });

  it("says why a shell cannot be opened", async () => {
    await shell("shell-less", "sleep 1000");
    const page = await visit("/containers/shell-less/terminal");
    await page.getByRole("combobox", { name: "Shell" }).selectOption("zsh");
    await page.getByRole("button", { name: "Open" }).click();
    await page
      .getByText(/zsh.*not found|executable file/)
      .first()
      .waitFor();
    await page.context().close();
  });

  it("follows a log, also over a restart of the container", async () => {
    await shell(
      "logged",
      "echo begun; while [ ! -e /go ]; do sleep 0.1; done; echo gone on; echo to-stderr >&2; sleep 1000",
    );
    const page = await visit("/containers/logged/logs");
    const log = page.getByRole("log");
    await log.getByText("begun").waitFor();
    await berth("exec", "logged", "touch", "/go");
    await log.getByText("gone on").waitFor();
    await page.locator(".line.stderr").getByText("to-stderr").waitFor();
    await berth("stop", "logged");
    await page.getByText("The container has stopped.").waitFor();
    await berth("start", "logged");
    await log.getByText("begun").nth(1).waitFor();
    assert.equal(await log.getByText("gone on").count(), 2);
    await page.context().close();
  });

  it("searches, filters, colours and saves", async () => {
    const lines = [
      `printf '\\033[31mred\\033[0m plain\\n'`,
      `echo '{"level":"info","status":200,"msg":"fine"}'`,
      `echo '{"level":"error","status":503,"msg":"broken","deep":{"a":1}}'`,
      "echo needle one; echo hay; echo Needle two",
    ];
    await berth("run", "--name", "searched", "busybox", "sh", "-c", lines.join(";"));
    const page = await visit("/containers/searched/logs");
    await page.locator(".line .a1", { hasText: "red" }).waitFor();
    await page.getByLabel("Search in logs").fill("needle");
    await page.getByText("2 matches").waitFor();
    assert.equal(await page.locator("mark").count(), 2);
    await page.getByRole("button", { name: "Next match" }).click();
    await page.locator(".line.marked", { hasText: "needle one" }).waitFor();
    await page.getByRole("button", { name: "Only matching lines" }).click();
    await page.getByText("2 lines").waitFor();
    await page.getByLabel("Search in logs").fill("");
    await page.getByLabel("Filter by fields").fill("status>=400");
    await page.getByText("1 line", { exact: true }).waitFor();
    await page.locator(".line", { hasText: "broken" }).click();
    await page.locator(".log-detail").getByText("deep").waitFor();
    await page.getByLabel("Filter by fields").fill("");
    await page.getByText("6 lines").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "searched.log");
    assert.match(readFileSync(await download.path(), "utf8"), /Z red plain\n[\s\S]*Z needle one\n/);
    await page.context().close();
  });

  it("stays quick with a hundred thousand lines, and shows what is hostile as text", async () => {
    const script =
      'i=0; echo "<img src=x onerror=alert(1)>"; printf "\\033]0;x\\007\\033[2Jcleared\\n"; ' +
      "head -c 3000000 /dev/zero | tr '\\0' x; echo; seq 1 120000";
    await berth("run", "--name", "flood", "busybox", "sh", "-c", script);
    const page = await visit("/containers/flood/logs");
    await page.getByRole("log").getByText("120000", { exact: true }).waitFor();
    const elements = await page.evaluate("document.querySelectorAll('*').length");
    assert.ok(Number(elements) < 2000, String(elements));
    await page.getByLabel("Search in logs").fill("99999");
    await page.getByText(/matches|1 match/).waitFor();
    await page.getByLabel("Search in logs").fill("");
    await berth("run", "--name", "markup", "busybox", "sh", "-c", script.replace("120000", "10"));
    await page.goto(`${ui().origin}/containers/markup/logs`);
    await page.getByText("<img src=x onerror=alert(1)>").waitFor();
    await page.getByText("cleared").waitFor();
    assert.equal(await page.locator(".log img").count(), 0);
    await page.context().close();
  });

  it("shows logs side by side, as its address says", async () => {
    await shell("left", "echo from-left; sleep 1000");
    const id = await shell("right", "echo from-right; sleep 1000");
    const page = await visit("/containers/left/logs");
    await page.getByText("from-left").waitFor();
    await page.getByRole("combobox", { name: "Add a container" }).selectOption("right");
    await page.getByText("from-right").waitFor();
    assert.match(page.url(), new RegExp(`beside=${id.slice(0, 12)}$`));
    await page.reload();
    await page.getByText("from-right").waitFor();
    await page.context().close();
  });

  it("changes limits, restart policy and ports of a running container", async () => {
    await shell("edited", "sleep 1000");
    const page = await visit("/containers/edited/edit");
    const limits = page.getByRole("form", { name: "Limits and restart policy" });
    await limits.getByLabel("Memory limit").fill("lots");
    await limits.getByRole("alert").waitFor();
    await limits.getByLabel("Memory limit").fill("64m");
    await limits.getByLabel("Restart policy").selectOption("always");
    await limits.getByRole("button", { name: "Apply" }).click();
    await page.getByText("Applied").first().waitFor();
    const format = "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{.State.Running}}";
    assert.equal(await berth("inspect", "-f", format, "edited"), "67108864 always true");
    const port = await findFreePort();
    const ports = page.getByRole("form", { name: "Published ports" });
    await ports.getByRole("button", { name: "Add: Published ports" }).click();
    await ports.getByLabel("Published ports 1").fill(`127.0.0.1:${port}:80`);
    await ports.getByRole("button", { name: "Apply" }).click();
    await eventually(
      () => berth("port", "edited"),
      (text) => text === `80/tcp -> 127.0.0.1:${port}`,
    );
    // What another publishes while the form is open stays.
    const others = `127.0.0.1:${await findFreePort()}`;
    const second = `127.0.0.1:${await findFreePort()}`;
    await berth("update", "--publish-add", `${others}:81`, "edited");
    await ports.getByRole("button", { name: "Add: Published ports" }).click();
    await ports.getByLabel("Published ports 2").fill(`${second}:82`);
    await ports.getByRole("button", { name: "Apply" }).click();
    await eventually(
      () => berth("port", "edited"),
      (text) => text.includes(second),
    );
    const all = [`80/tcp -> 127.0.0.1:${port}`, `81/tcp -> ${others}`, `82/tcp -> ${second}`];
    assert.deepEqual((await berth("port", "edited")).split("\n").sort(), all);
    await ports.getByLabel("Published ports 3").waitFor();
    for (let row = 0; row < 3; row++)
      await ports.getByRole("button", { name: "Remove this row" }).first().click();
    await ports.getByRole("button", { name: "Apply" }).click();
    await eventually(
      () => berth("port", "edited"),
      (text) => text === "",
    );
    await page.context().close();
  });

  it("offers no terminal in read-only mode, and shows what is not there", async () => {
    const page = await visit("/containers/absent", {}, 1);
    await page.getByText("No such container: absent").waitFor();
    await shell("read", "echo readable; sleep 1000");
    await page.goto(`${ui(1).origin}/containers/read/logs`);
    await page.getByText("readable").waitFor();
    assert.equal(await page.getByRole("link", { name: "Terminal" }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Stop" }).count(), 0);
    await page.context().close();
  });
});
