import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useBrowser } from "./browser.ts";

describe("the table of containers", () => {
  const { engine, berth, visit, ui } = useBrowser(() => [[], ["--read-only"]]);
  const sleeper = ["--stop-timeout", "0", "busybox", "sleep", "1000"];

  it("shows what there is, and what becomes of it", async () => {
    await berth("run", "-d", "--name", "first", ...sleeper);
    const page = await visit("/containers");
    const row = (name: string) =>
      page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
    await row("first").getByText("running").waitFor();
    await berth("run", "-d", "--name", "second", "busybox", "true");
    await row("second").getByText("exited").waitFor();
    await berth("rename", "first", "renamed");
    await row("renamed").waitFor();
    await berth("rm", "second");
    await row("second").waitFor({ state: "detached" });
    await row("renamed")
      .getByText(/^\d+(\.\d)? %$/)
      .waitFor();
    await row("renamed")
      .getByText(/^[\d.]+ [kM]B$/)
      .waitFor();
    await berth("rm", "-f", "renamed");
    await page.getByText("No containers yet.").waitFor();
    await page.context().close();
  });

  it("starts, stops, pauses and removes", async () => {
    await berth("run", "-d", "--name", "acted", ...sleeper);
    const page = await visit("/containers");
    await page.getByRole("button", { name: "Stop acted" }).click();
    await page.locator(".state.exited").waitFor();
    await page.getByRole("button", { name: "Start acted", exact: true }).click();
    await page.getByRole("row").getByText("running").waitFor();
    await page.getByRole("button", { name: "More: acted" }).click();
    await page.getByRole("menuitem", { name: "Pause" }).click();
    await page.getByRole("row").getByText("paused").waitFor();
    await page.getByRole("button", { name: "More: acted" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("acted").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.match(await berth("ps", "-a", "--format", "{{.Names}}"), /acted/);
    await page.getByRole("button", { name: "More: acted" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    await dialog.getByLabel("Stop it first, by force").check();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("No containers yet.").waitFor();
    await page.context().close();
  });

  it("shows the columns that are wanted, also the next time", async () => {
    await berth("create", "--name", "columned", "busybox");
    const page = await visit("/containers");
    const head = page.getByRole("columnheader", { name: "Image", exact: true });
    await head.waitFor();
    await page.getByText("Columns", { exact: true }).click();
    await page.getByLabel("Image", { exact: true }).uncheck();
    await head.waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("columnheader", { name: "Name" }).waitFor();
    assert.equal(await head.count(), 0);
    await page.getByText("Columns", { exact: true }).click();
    await page.getByLabel("Image", { exact: true }).check();
    await head.waitFor();
    await page.context().close();
    await berth("rm", "columned");
  });

  it("shows the engine's own sentence when something fails", async () => {
    await berth("run", "-d", "--name", "busy", ...sleeper);
    const page = await visit("/containers");
    await page.getByRole("button", { name: "More: busy" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page
      .getByRole("alert")
      .getByText(/cannot remove container "[0-9a-f]{12}": container is running/)
      .waitFor();
    await page.getByText("Stop it first, or remove it by force.").waitFor();
    await berth("rm", "-f", "busy");
    await page.context().close();
  });

  it("is searched and filtered by the address", async () => {
    await berth("create", "--name", "shop-web", "--label", "com.docker.compose.project=shop", "busybox");
    await berth(
      "create",
      "--name",
      "blog-web",
      "--label",
      "com.docker.compose.project=blog",
      "--label",
      "tier=1",
      "busybox",
    );
    await berth("run", "-d", "--name", "alone", ...sleeper);
    const page = await visit("/containers?q=web");
    const names = () => page.locator(".table-body .strong").allInnerTexts();
    await page.getByRole("link", { name: "shop-web" }).waitFor();
    assert.deepEqual(await names(), ["blog-web", "shop-web"]);
    await page.getByRole("combobox", { name: "Project" }).selectOption("blog");
    assert.deepEqual(await names(), ["blog-web"]);
    assert.match(page.url(), /\?q=web&project=blog$/);
    await page.goto(`${ui().origin}/containers?state=running`);
    await page.getByRole("link", { name: "alone" }).waitFor();
    assert.deepEqual(await names(), ["alone"]);
    await page.goto(`${ui().origin}/containers?label=tier%3D1`);
    await page.getByRole("link", { name: "blog-web" }).waitFor();
    assert.deepEqual(await names(), ["blog-web"]);
    await page.context().close();
    await berth("rm", "-f", "shop-web", "blog-web", "alone");
  });

  it("does things with many at once", async () => {
    for (const name of ["many-1", "many-2", "many-3"]) await berth("run", "-d", "--name", name, ...sleeper);
    const page = await visit("/containers");
    await page.getByLabel("Select many-1").check();
    await page.getByLabel("Select many-3").check();
    await page.getByRole("toolbar").getByRole("button", { name: "Stop" }).click();
    await page.locator(".state.exited").nth(1).waitFor();
    await page.getByLabel("Select all").check();
    await page.getByRole("toolbar").getByRole("button", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog");
    assert.deepEqual(await dialog.locator("li").allInnerTexts(), ["many-1", "many-2", "many-3"]);
    await dialog.getByLabel("Stop it first, by force").check();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("No containers yet.").waitFor();
    await page.context().close();
  });

  it("is used by the keyboard alone", async () => {
    for (const name of ["key-a", "key-b"]) await berth("run", "-d", "--name", name, ...sleeper);
    const page = await visit("/containers");
    await page.getByRole("link", { name: "key-b" }).waitFor();
    await page.locator(".table-body .row").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("s");
    await page.locator(".state.exited").waitFor();
    assert.match(await berth("ps", "-a", "--filter", "status=exited", "--format", "{{.Names}}"), /^key-b$/);
    await page.keyboard.press("Delete");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/containers\/[0-9a-f]{12}$/);
    await page.context().close();
    await berth("rm", "-f", "key-a", "key-b");
  });

  it("changes nothing in read-only mode", async () => {
    await berth("run", "-d", "--name", "kept", ...sleeper);
    const page = await visit("/containers", {}, 1);
    await page.getByRole("link", { name: "kept" }).waitFor();
    await page.getByText("Read-only").waitFor();
    assert.equal(await page.getByRole("button", { name: /kept/ }).count(), 0);
    assert.equal(await page.getByRole("checkbox").count(), 0);
    await page.context().close();
    await berth("rm", "-f", "kept");
  });

  it("shows a lost engine, and goes on with the next", async () => {
    await berth("run", "-d", "--name", "survivor", ...sleeper);
    const page = await visit("/containers");
    await page.getByRole("link", { name: "survivor" }).waitFor();
    const restarted = engine.restart("SIGKILL");
    await page.getByText("The connection to the engine is lost").waitFor();
    await restarted;
    await page.getByText("The connection to the engine is lost").waitFor({ state: "detached" });
    await berth("rename", "survivor", "survived");
    await page.getByRole("link", { name: "survived" }).waitFor();
    await page.context().close();
    await berth("rm", "-f", "survived");
  });

  it("shows names and labels as text, whatever they say", async () => {
    const label = 'com.docker.compose.project=<img src=x onerror="document.title=1">\u202Eevil';
    await berth(
      "create",
      "--name",
      "hostile",
      "--label",
      label,
      "busybox",
      "<script>document.title=2</script>",
    );
    const page = await visit("/containers");
    await page.getByRole("link", { name: "hostile" }).waitFor();
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.title(), "berth");
    await page.context().close();
    await berth("rm", "-f", "hostile");
  });

  it("keeps the login in other tabs, and leaves with the logout", async () => {
    const page = await visit("/containers");
    const tab = await page.context().newPage();
    await tab.goto(`${ui().origin}/containers`);
    await tab.getByRole("heading", { name: "Containers" }).waitFor();
    await tab.getByRole("button", { name: "Log out" }).click();
    await tab.getByLabel("Token").waitFor();
    await page.reload();
    await page.getByLabel("Token").waitFor();
    await page.context().close();
  });
});
