import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually } from "../../engine.ts";
import { startServer } from "../../registry/server.ts";
import { useBrowser } from "./browser.ts";

describe("the page's other rooms", () => {
  const { engine, berth, visit, ui } = useBrowser(() => [[], ["--read-only"]]);
  const sleeper = ["--stop-timeout", "0", "busybox", "sleep", "1000"];

  it("shows all containers' use in one chart, what happens, and what would be cleaned up", async () => {
    await berth("run", "-d", "--name", "used", ...sleeper);
    await berth("create", "--name", "idle", "busybox");
    await berth("volume", "create", "unused");
    const page = await visit("/");
    await page.locator(".legend", { hasText: "used" }).first().waitFor();
    await page.locator(".chart canvas").first().waitFor();
    await berth("restart", "used");
    await page.getByRole("list", { name: "Events" }).getByText("start", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Clean up…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Stopped containers").check();
    await dialog.getByText("idle").waitFor();
    await dialog.getByLabel("Unused volumes, with their data").check();
    await dialog.getByText("unused", { exact: true }).waitFor();
    await dialog.getByRole("button", { name: "Remove 2 things" }).click();
    await page.getByText(/freed$/).waitFor();
    assert.equal(await berth("ps", "-a", "--format", "{{.Names}}"), "used");
    assert.equal(await berth("volume", "ls", "-q"), "");
    await page.context().close();
    await berth("rm", "-f", "used");
  });

  it("pulls, tags, shows and removes images", async () => {
    const registry = await startServer(["--root", join(engine.folder, "registry")]);
    const name = `${registry.host}/team/app:1`;
    await berth("tag", "busybox", name);
    await berth("push", name);
    await berth("rmi", name);
    const page = await visit("/images");
    await page.getByRole("link", { name: "busybox:latest" }).waitFor();
    await page.getByRole("button", { name: "Pull…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Image").fill(`${registry.host}/team/absent:1`);
    await dialog.getByRole("button", { name: "Pull" }).click();
    await dialog
      .getByRole("alert")
      .getByText(/not found|unknown/i)
      .waitFor();
    await dialog.getByLabel("Image").fill(name);
    await dialog.getByRole("button", { name: "Pull" }).click();
    await dialog.getByText(/Status: (Downloaded newer image|Image is up to date)/).waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: /team\/app:1/ }).click();
    await page.getByRole("heading", { name: /Images \// }).waitFor();
    await page.getByRole("button", { name: "Tag" }).click();
    await page.getByRole("dialog").getByLabel("Further name").fill("tagged:2");
    await page.getByRole("dialog").getByRole("button", { name: "Tag" }).click();
    await page.getByText("tagged:2").first().waitFor();
    await page.getByRole("link", { name: "History" }).click();
    await page.getByRole("table", { name: "History" }).getByText("busybox-static").waitFor();
    await page.goto(`${ui().origin}/images`);
    assert.match(await berth("images", "--format", "{{.Repository}}:{{.Tag}}"), /tagged:2/);
    await registry.end();
    await page.context().close();
  });

  it("looks into an image's layers: what they change and waste, and the text of a file", async () => {
    const script =
      "head -c 200000 /bin/busybox > /big; printf 'one\\n' > /note; printf '<b>x</b>' > '/<i>odd'";
    await berth("run", "--name", "first", "busybox", "sh", "-c", script);
    await berth("commit", "first", "layered:1");
    await berth("run", "--name", "second", "layered:1", "sh", "-c", "rm /big; echo two >> /note");
    await berth("commit", "second", "layered:2");
    const page = await visit("/images");
    await page.getByRole("link", { name: "layered:2" }).click();
    await page.getByRole("link", { name: "Layers" }).click();
    await page.getByText(/wasted$/).click();
    await page.getByRole("table", { name: "Wasted" }).getByText("/big").waitFor();
    await page.getByLabel("Changes of this layer only").check();
    const files = page.getByRole("table", { name: "Files" });
    await files.getByRole("row", { name: /big.*removed/ }).waitFor();
    await files.getByRole("button", { name: "note" }).click();
    const dialog = page.getByRole("dialog", { name: "/note" });
    await dialog.getByText(/^one\s+two/).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(readFileSync(await download.path(), "utf8"), "one\ntwo\n");
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("list", { name: "Layers" }).getByRole("button").nth(1).click();
    await page.getByLabel("Part of a path").fill("odd");
    await files.getByRole("button", { name: "<i>odd" }).waitFor();
    await page.getByLabel("Part of a path").fill("");
    await files.getByRole("button", { name: "big", exact: true }).click();
    await page.getByRole("dialog").getByText("This is not a text file.").waitFor();
    const folder = join(engine.folder, "bare");
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nLABEL bare=yes\n");
    await berth("build", "-q", "-t", "bare:1", folder);
    await page.goto(`${ui().origin}/images`);
    await page.getByRole("link", { name: "bare:1" }).click();
    await page.getByRole("link", { name: "Layers" }).click();
    await page.getByText("This image has no layers.").waitFor();
    await page.context().close();
    await berth("rm", "first", "second");
  });

  it("makes, copies, exports and removes volumes", async () => {
    const page = await visit("/volumes");
    await page.getByRole("button", { name: "Create a volume" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("papers");
    await page.getByRole("dialog").getByRole("button", { name: "Create a volume" }).click();
    await page.getByRole("row").getByText("papers").waitFor();
    await berth("run", "--name", "writer", "-v", "papers:/p", "busybox", "sh", "-c", "echo kept > /p/letter");
    await page.getByRole("row").getByRole("link", { name: "writer" }).waitFor();
    await page.getByRole("button", { name: "More: papers" }).click();
    await page.getByRole("menuitem", { name: "Clone" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Clone" }).click();
    await page.getByRole("row").getByText("papers-copy").waitFor();
    assert.equal(await berth("run", "--rm", "-v", "papers-copy:/p", "busybox", "cat", "/p/letter"), "kept");
    await page.getByRole("button", { name: "More: papers", exact: true }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: "Export" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "papers.tar");
    assert.match(readFileSync(await download.path(), "latin1"), /letter[\s\S]*kept/);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "Import" }).click(),
    ]);
    await chooser.setFiles(await download.path());
    await page.getByRole("dialog").getByLabel("Name").fill("brought");
    await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
    await page.getByRole("row").getByRole("link", { name: "brought" }).click();
    await page.getByRole("table", { name: "Files of /" }).getByRole("button", { name: "letter" }).click();
    const letter = page.getByRole("dialog", { name: "/letter" });
    await letter.getByText("kept").waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      letter.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(readFileSync(await saved.path(), "utf8"), "kept\n");
    assert.doesNotMatch(saved.url(), /^blob:/);
    await letter.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "Volumes", exact: true }).first().click();
    await page.getByLabel("Select papers-copy").check();
    await page.getByRole("button", { name: /^Remove/ }).click();
    await page.getByRole("dialog").getByText("papers-copy").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("row").getByText("papers-copy").waitFor({ state: "detached" });
    await page.context().close();
    await berth("rm", "writer");
  });

  it("draws networks, connects and disconnects", async () => {
    await berth("run", "-d", "--name", "drawn", "-p", "127.0.0.1:0:80", ...sleeper);
    const page = await visit("/networks");
    await page.locator(".drawing").getByText("drawn").waitFor();
    await page.getByRole("button", { name: "Create a network" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("back");
    await page.getByRole("dialog").getByRole("button", { name: "Create", exact: true }).click();
    const back = page.getByRole("region", { name: "back" });
    await back.getByRole("combobox").selectOption("drawn");
    await back.getByRole("link", { name: "drawn" }).waitFor();
    await page.locator(".drawing .bar").getByText("back").waitFor();
    assert.equal(await page.locator(".drawing .wire").count(), 2);
    await back.getByRole("button", { name: "Disconnect" }).click();
    await back.getByRole("link", { name: "drawn" }).waitFor({ state: "detached" });
    await back.getByRole("button", { name: "Remove back" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await back.waitFor({ state: "detached" });
    await page.context().close();
    await berth("rm", "-f", "drawn");
  });

  it("runs a container by the form, and one like it", async () => {
    const page = await visit("/run?image=busybox");
    await page.getByLabel(/^Name/).fill("formed");
    await page.getByLabel(/^Command/).fill("sh -c 'echo \"$WORD\"; sleep 1000'");
    await page.getByRole("button", { name: "Add: Environment variables" }).click();
    await page.getByLabel("Environment variables 1").fill("WORD=two words");
    await page.getByRole("button", { name: "Add: Published ports" }).click();
    await page.getByLabel("Published ports 1").fill("x:80");
    await page.getByRole("alert").getByText("no port").waitFor();
    await page.getByLabel("Published ports 1").fill("127.0.0.1::80");
    const command = await page.locator(".command pre").textContent();
    assert.equal(
      command,
      "berth run -d --name formed -p 127.0.0.1::80 -e 'WORD=two words' busybox sh -c 'echo \"$WORD\"; sleep 1000'",
    );
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("log").getByText("two words").waitFor();
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Duplicate…" }).click();
    await page.locator(".command").getByText("--name formed-copy").waitFor();
    assert.equal(((await page.locator(".command pre").textContent()) ?? "").replace("-copy", ""), command);
    await page.getByRole("button", { name: "Create only" }).click();
    await page.getByRole("heading", { name: /formed-copy/ }).waitFor();
    const mounts = ["--mount", "type=volume,src=held,dst=/held", "--mount", "type=tmpfs,dst=/t"];
    await berth("create", "--name", "mounted", ...mounts, "busybox");
    await page.goto(`${ui().origin}/run?from=mounted`);
    await page.getByRole("note").getByText("--mount type=tmpfs,dst=/t").waitFor();
    await page.locator(".command").getByText("--name mounted-copy -v held:/held busybox").waitFor();
    await berth("rm", "-f", "formed", "formed-copy", "mounted");
    await berth("volume", "rm", "held");
    await page.context().close();
  });

  it("groups compose projects", async () => {
    for (const name of ["one", "two"])
      await berth(
        "run",
        "-d",
        "--name",
        name,
        "--label",
        "com.docker.compose.project=pair",
        "--label",
        `com.docker.compose.service=${name}`,
        "--stop-timeout",
        "0",
        "busybox",
        "sh",
        "-c",
        `echo from ${name}; sleep 1000`,
      );
    const page = await visit("/projects");
    const pair = page.getByRole("region", { name: "pair" });
    await pair.getByText("2 of 2 running").waitFor();
    await pair.getByRole("button", { name: "Stop all" }).click();
    await pair.getByText("0 of 2 running").waitFor();
    await pair.getByRole("link", { name: "Logs together" }).click();
    await page.getByText("from one").waitFor();
    await page.getByText("from two").waitFor();
    await page.context().close();
    await berth("rm", "-f", "one", "two");
  });

  it("shows the engine, and finds what is wrong with it", async () => {
    const page = await visit("/engine");
    await page.getByText("overlay2").first().waitFor();
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("Everything is as it should be.").waitFor();
    await page.context().close();
  });

  it("offers no change anywhere in read-only mode", async () => {
    const page = await visit("/", {}, 1);
    for (const [path, heading] of [
      ["/", "Overview"],
      ["/images", "Images"],
      ["/volumes", "Volumes"],
      ["/networks", "Networks"],
      ["/engine", "Engine"],
    ] as const) {
      await page.goto(`${ui(1).origin}${path}`);
      await page.getByRole("heading", { name: heading, exact: true }).waitFor();
      const acting = page.getByRole("button", { name: /Clean up|Pull|Create a|Remove|Repair|Disconnect/ });
      await eventually(
        () => acting.count(),
        (count) => count === 0,
      );
      assert.equal(await page.locator("main .primary").count(), 0, path);
    }
    await page.context().close();
  });
});
