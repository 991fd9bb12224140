import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { endBuild, noBuild, takeMessage } from "../../../ui/views/images/build-steps.ts";
import { eventually } from "../../engine.ts";
import { startServer } from "../../registry/server.ts";
import { serve } from "../own-server.ts";
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

/** How many processes of this machine have these words in their command line. */
function countProcesses(words: string): number {
  const lines = globSync("/proc/[0-9]*/cmdline").map((file) => {
    try {
      return readFileSync(file, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  });
  return lines.filter((line) => line.includes(words)).length;
}

it("says of a build whose messages end too early that it was cut off", () => {
  const begun = [{ stream: "Step 1/2 : FROM a\n" }].reduce(takeMessage, noBuild);
  const { steps, failure } = endBuild(begun, "cut off");
  assert.deepEqual([steps[0]?.state, failure], ["failed", "cut off"]);
  const built = takeMessage(begun, { aux: { ID: "sha256:1" } });
  assert.equal(endBuild(built, "cut off"), built);
  const failed = takeMessage(begun, { error: "why" });
  assert.equal(endBuild(failed, "cut off"), failed);
});

describe("images that come and go by the page", () => {
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
    const seconds = 1_000_000 + process.pid;
    const dockerfile = `FROM busybox\nRUN echo begun; sleep ${seconds}\n`;
    await dialog.getByLabel("or a Dockerfile's text").fill(dockerfile);
    await dialog.getByRole("button", { name: "Build", exact: true }).click();
    await dialog.getByText("begun", { exact: true }).waitFor();
    assert.notEqual(countProcesses(`sleep ${seconds}`), 0);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.getByRole("alert").getByText("The build was cancelled.").waitFor();
    await dialog.getByRole("listitem").last().getByText("failed", { exact: true }).waitFor();
    await eventually(
      () => countProcesses(`sleep ${seconds}`),
      (count) => count === 0,
    );
    await dialog.getByLabel("or a Dockerfile's text").fill("FROM busybox\nRUN echo again\n");
    await dialog.getByRole("button", { name: "Build", exact: true }).click();
    await dialog.getByText("The image is built.").waitFor();
    await page.context().close();
    const readOnly = await visit("/images", {}, 1);
    await readOnly.getByRole("link", { name: "busybox:latest" }).waitFor();
    assert.equal(await readOnly.getByRole("button", { name: "Build…" }).count(), 0);
    await readOnly.context().close();
  });

  it("shows what a registry holds, pulls from it and deletes there", async (test) => {
    const registry = await startServer(["--root", join(engine.folder, "registry")]);
    test.after(() => registry.end());
    for (const name of ["team/app:1", "team/app:same", "team/app:2", "other:1"]) {
      await berth("tag", name === "team/app:2" ? "uploaded:1" : "busybox", `${registry.host}/${name}`);
      await berth("push", `${registry.host}/${name}`);
      await berth("rmi", `${registry.host}/${name}`);
    }
    const page = await visit("/registry");
    await page.getByLabel("Registry", { exact: true }).fill(registry.host);
    await page.getByRole("button", { name: "Browse" }).click();
    await page.getByRole("table", { name: "Repositories" }).getByRole("link", { name: "other" }).waitFor();
    await page.locator("button:focus", { hasText: "Browse" }).waitFor();
    await page.getByRole("link", { name: "team/app" }).click();
    const tags = page.getByRole("table", { name: "Tags" });
    const row = (name: string) => tags.getByRole("row", { name: new RegExp(`^${name} linux/`) });
    await row("2").waitFor();
    // As long as it is not known which tags go together, none is deleted.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route(/\/distribution\/.*same\/json$/, async (route) => {
      await released;
      await route.continue();
    });
    await page.reload();
    await row("2").waitFor();
    assert.equal(await row("1").getByRole("button", { name: "Delete" }).isDisabled(), true);
    release();
    await row("same").getByRole("button", { name: "Pull" }).click();
    const pull = page.getByRole("dialog");
    await pull.getByRole("button", { name: "Pull", exact: true }).click();
    await pull.getByText(/Status: (Downloaded newer image|Image is up to date)/).waitFor();
    await pull.getByRole("button", { name: "Close" }).click();
    assert.match(await berth("images", "--format", "{{.Repository}}:{{.Tag}}"), /team\/app:same/);
    await row("1").getByRole("button", { name: "Delete" }).click();
    const question = page.getByRole("dialog", { name: "Delete from the registry?" });
    await question.getByText("same", { exact: true }).waitFor();
    await question.getByRole("button", { name: "Delete" }).click();
    await tags.getByText("same", { exact: true }).waitFor({ state: "detached" });
    await row("2").waitFor();
    assert.equal(await tags.getByText("1", { exact: true }).count(), 0);
    await page.context().close();
  });

  it("deletes any of more tags than it describes by itself: a search leaves those that are meant", async (test) => {
    const registry = await startServer(["--root", join(engine.folder, "tags")]);
    test.after(() => registry.end());
    const name = `${registry.host}/many:v000`;
    await berth("tag", "busybox", name);
    await berth("push", name);
    await berth("rmi", name);
    const manifests = `http://${registry.host}/v2/many/manifests`;
    const first = await fetch(`${manifests}/v000`, { headers: { Accept: "*/*" } });
    const headers = { "Content-Type": first.headers.get("content-type") ?? "" };
    const body = await first.text();
    for (let number = 1; number < 206; number++) {
      const put = await fetch(`${manifests}/v${String(number).padStart(3, "0")}`, {
        method: "PUT",
        headers,
        body,
      });
      assert.equal(put.status, 201);
    }
    const page = await visit(`/registry?host=${registry.host}&repository=many`);
    await page.getByRole("searchbox", { name: "Search" }).fill("v205");
    const row = page.getByRole("row", { name: /^v205 linux\// });
    await row.getByRole("button", { name: "Delete" }).click();
    const question = page.getByRole("dialog", { name: "Delete from the registry?" });
    await question.getByText("v205", { exact: true }).waitFor();
    await question.getByText(/^\d+ other tags were not compared/).waitFor();
    await question.getByRole("button", { name: "Delete" }).click();
    await page.getByText("This repository has no tags.").waitFor();
    const left = (await (await fetch(`http://${registry.host}/v2/many/tags/list`)).json()) as {
      tags: unknown;
    };
    assert.deepEqual(left.tags ?? [], []);
    await page.context().close();
  });

  it("shows a login to the registry that it was typed for, and to no other", async (test) => {
    const [mine, other] = [await startGuarded(), await startGuarded()];
    test.after(async () => {
      await mine.close();
      await other.close();
    });
    const page = await visit("/registry");
    const address = page.getByLabel("Registry", { exact: true });
    const user = page.getByLabel("User name");
    const refused = page.getByRole("alert").getByText(/unauthorized|no basic auth/i);
    const browse = async (host: string) => {
      await address.fill(host);
      await page.getByRole("button", { name: "Browse" }).click();
    };
    await browse(other.host);
    await refused.waitFor();
    await address.fill(mine.host);
    await user.fill("ann");
    await page.getByLabel("Password, if the registry wants one").fill("secret");
    await page.getByRole("button", { name: "Browse" }).click();
    await page.getByRole("link", { name: "app" }).waitFor();
    assert.equal(mine.logins.has(`Basic ${btoa("ann:secret")}`), true);

    await page.goBack();
    await refused.waitFor();
    assert.deepEqual([await address.inputValue(), await user.inputValue()], [other.host, ""]);
    await page.goForward();
    await page.getByRole("link", { name: "app" }).waitFor();
    await address.fill(other.host);
    assert.equal(await user.inputValue(), "");
    await address.fill(mine.host);

    await page.getByRole("link", { name: "app" }).click();
    await page.getByRole("table", { name: "Tags" }).getByRole("button", { name: "Pull" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Password, if the registry wants one").click();
    assert.equal(await dialog.getByLabel("User name").inputValue(), "ann");
    await dialog.getByLabel("Image").fill(`${other.host}/app:1`);
    assert.equal(await dialog.getByLabel("User name").inputValue(), "");
    const before = other.requests();
    await dialog.getByRole("button", { name: "Pull", exact: true }).click();
    await dialog.getByRole("alert").waitFor();
    assert.notEqual(other.requests(), before);
    await dialog.getByRole("button", { name: "Close" }).click();
    await browse(other.host);
    await refused.waitFor();
    assert.deepEqual([...other.logins], []);
    await page.context().close();
  });
});

/** A registry that lets in whoever has any login, and keeps what it was shown. */
async function startGuarded() {
  const logins = new Set<string>();
  let requests = 0;
  const answers: Record<string, object> = {
    "/v2/": {},
    "/v2/_catalog": { repositories: ["app"] },
    "/v2/app/tags/list": { name: "app", tags: ["1"] },
  };
  const served = await serve(
    createServer((input, output) => {
      requests++;
      const { authorization } = input.headers;
      const answer = answers[(input.url ?? "").split("?")[0] ?? ""];
      if (authorization) logins.add(authorization);
      else output.setHeader("WWW-Authenticate", 'Basic realm="guarded"');
      output.writeHead(authorization ? (answer ? 200 : 404) : 401, { "Content-Type": "application/json" });
      output.end(JSON.stringify(answer ?? {}));
    }),
  );
  return { host: `127.0.0.1:${served.port}`, logins, requests: () => requests, close: served.close };
}
