import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { noBuild, takeMessage } from "../../../ui/views/images/build-steps.ts";
import { useBrowser } from "./browser.ts";

it("takes a build's messages apart into steps", () => {
  const messages = [
    { stream: "Step 1/2 : FROM a" },
    { stream: "\n" },
    { stream: " ---> 123\n" },
    { stream: "Step 2/2 : RUN b\n" },
    { stream: "one\ntwo\n" },
    { error: "it failed", errorDetail: { message: "it failed" } },
  ];
  assert.deepEqual(messages.reduce(takeMessage, noBuild), {
    steps: [
      { title: "Step 1/2 : FROM a", lines: [" ---> 123"], state: "done" },
      { title: "Step 2/2 : RUN b", lines: ["one", "two"], state: "failed" },
    ],
    failure: "it failed",
    image: "",
  });
  const flood = Array.from({ length: 5000 }, (_, number) => ({ stream: `${number}\n` }));
  const { steps } = [{ stream: "Step 1/1 : RUN x\n" }, ...flood, { aux: { ID: "sha256:1" } }].reduce(
    takeMessage,
    noBuild,
  );
  assert.deepEqual([steps[0]?.lines.length, steps[0]?.lines.at(-1), steps[0]?.state], [2000, "4999", "done"]);
});

describe("building in the page", () => {
  const { engine, berth, visit } = useBrowser(() => [[], ["--read-only"]]);

  it("builds from a folder that is uploaded, shows the steps, and what fails", async () => {
    const folder = join(engine.folder, "project");
    mkdirSync(join(folder, "sub"), { recursive: true });
    writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nCOPY . /app\nRUN sh /app/sub/run.sh\n");
    writeFileSync(join(folder, "sub/run.sh"), "echo '<b>made</b>' | tee /made\n");
    writeFileSync(join(folder, "secret"), "no");
    writeFileSync(join(folder, ".dockerignore"), "secret\n");
    const page = await visit("/images");
    await page.getByRole("button", { name: "Build…" }).click();
    const dialog = page.getByRole("dialog", { name: "Build an image" });
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      dialog.getByRole("button", { name: "Folder with a Dockerfile" }).click(),
    ]);
    await chooser.setFiles(folder);
    await dialog.getByText("4 files").waitFor();
    await dialog.getByLabel("Name of the image").fill("uploaded:1");
    await dialog.getByRole("button", { name: "Build", exact: true }).click();
    await dialog.getByText("The image is built.").waitFor();
    await dialog
      .getByRole("listitem")
      .filter({ hasText: "RUN sh /app/sub/run.sh" })
      .getByText("<b>made</b>")
      .waitFor();
    const made = await berth("run", "--rm", "uploaded:1", "sh", "-c", "cat /made; ls -A /app");
    assert.deepEqual(made.split("\n").sort(), [".dockerignore", "<b>made</b>", "Dockerfile", "sub"]);

    await dialog.getByLabel("or a Dockerfile's text").fill("FROM busybox\nRUN echo why; exit 7\n");
    await dialog.getByRole("button", { name: "Build", exact: true }).click();
    await dialog
      .getByRole("alert")
      .getByText(/returned a non-zero code: 7/)
      .waitFor();
    await dialog
      .getByRole("listitem")
      .filter({ hasText: "exit 7" })
      .getByText("why", { exact: true })
      .waitFor();
    await page.context().close();
  });

  it("ends a build that is cancelled, and offers none in read-only mode", async () => {
    const page = await visit("/images");
    await page.getByRole("button", { name: "Build…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("or a Dockerfile's text").fill("FROM busybox\nRUN echo begun; sleep 300\n");
    await dialog.getByRole("button", { name: "Build", exact: true }).click();
    await dialog.getByText("begun", { exact: true }).waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.getByRole("button", { name: "Build", exact: true }).isEnabled();
    await page.context().close();
    const readOnly = await visit("/images", {}, 1);
    await readOnly.getByRole("link", { name: "busybox:latest" }).waitFor();
    assert.equal(await readOnly.getByRole("button", { name: "Build…" }).count(), 0);
    await readOnly.context().close();
  });
});
