import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../../engine.ts";
import { useBrowser } from "./browser.ts";

describe("the page, a second time", () => {
  const { engine, berth, visit, ui } = useBrowser();

  it("changes of the limits what was changed in the form, and says that none can be removed", async () => {
    const limits = ["-m", "64m", "--memory-swap", "-1", "--restart", "on-failure:3"];
    await berth(
      "run",
      "-d",
      "--name",
      "limited",
      "--stop-timeout",
      "0",
      ...limits,
      "busybox",
      "sleep",
      "1000",
    );
    const page = await visit("/containers/limited/edit");
    const form = page.getByRole("form", { name: "Limits and restart policy" });
    await form.getByLabel("Processors").fill("0.5");
    await form.getByRole("button", { name: "Apply" }).click();
    await page.getByText("Applied").first().waitFor();
    const { HostConfig } = JSON.parse((await engine.api("GET", "/containers/limited/json")).body);
    const { Memory, MemorySwap, NanoCpus, RestartPolicy } = HostConfig;
    assert.deepEqual([Memory, MemorySwap, NanoCpus], [64 << 20, -1, 5e8]);
    assert.deepEqual(RestartPolicy, { Name: "on-failure", MaximumRetryCount: 3 });
    await form.getByLabel("Memory limit").fill("");
    await form.getByRole("alert").getByText("not removed").waitFor();
    assert.equal(await form.getByRole("button", { name: "Apply" }).isDisabled(), true);
    await page.context().close();
  });

  it("cleans up no more than it shows", async () => {
    await berth("volume", "create", "first");
    const page = await visit("/");
    let isCutOff = false;
    await page.routeWebSocket(/\/ui\/stream/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => {
        if (!isCutOff) socket.send(message);
      });
    });
    await page.reload();
    await page.getByRole("button", { name: "Clean up…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Unused volumes, with their data").check();
    await dialog.getByRole("button", { name: "Remove 1 thing" }).waitFor();
    await berth("volume", "create", "second");
    await dialog.getByText("second", { exact: true }).waitFor();
    isCutOff = true;
    await berth("volume", "create", "third");
    await dialog.getByRole("button", { name: "Remove 2 things" }).click();
    await page.getByText(/more to remove than was shown/).waitFor();
    await dialog.getByText("third", { exact: true }).waitFor();
    assert.equal(await berth("volume", "ls", "-q"), "first\nsecond\nthird");
    await dialog.getByRole("button", { name: "Remove 3 things" }).click();
    await page.getByText(/freed$/).waitFor();
    assert.equal(await berth("volume", "ls", "-q"), "");
    await page.context().close();
  });

  it("asks for what takes long once at a time, and not for each volume that a container mounts", async () => {
    const page = await visit("/containers");
    const released = Promise.withResolvers<void>();
    let asked = 0;
    await page.route(/\/api\/system\/df/, async (route) => {
      asked++;
      await released.promise;
      await route.continue();
    });
    await page.getByRole("link", { name: "Volumes" }).first().click();
    await eventually(
      () => asked,
      (count) => count === 1,
    );
    for (let count = 0; count < 8; count++) {
      await berth("volume", "create", `many${count}`);
      await page.getByText(`many${count}`, { exact: true }).waitFor();
    }
    assert.equal(asked, 1);
    released.resolve();
    await eventually(
      () => asked,
      (count) => count === 2,
    );
    await page.context().close();
  });

  it("goes on with the login of another tab", async () => {
    const page = await visit("/containers");
    const other = await page.context().newPage();
    await other.goto(`${ui().origin}/images#${await ui().freshToken()}`);
    await other.locator(".frame").waitFor();
    await page.getByRole("link", { name: "Networks" }).first().click();
    await page.getByText("bridge", { exact: true }).first().waitFor();
    await other.reload();
    await other.locator(".frame").waitFor();
    await page.context().close();
  });
});
