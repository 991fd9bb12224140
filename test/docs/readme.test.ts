import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { startEngine } from "../engine.ts";
import { checkGone, takeFootprint } from "../footprint.ts";

const root = join(import.meta.dirname, "../..");

/** The code blocks of a language that README says are tried here. */
function blocksOf(language: string): string[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const marked = new RegExp(
    `<!-- tried by test/docs/readme.test.ts -->\n\`\`\`${language}\n([\\s\\S]*?)\`\`\``,
    "g",
  );
  return [...readme.matchAll(marked)].map((match) => match[1] ?? "");
}

function run(program: string, words: string[], options: object): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, words, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}

it("README's first steps work word for word", async () => {
  const [script] = blocksOf("sh");
  assert.ok(script);
  const engine = await startEngine();
  const folder = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    const prelude = `set -e; berth() { "${process.execPath}" "${root}/dist/cli/main.js" "$@"; }\n`;
    const env = { ...process.env, BERTH_HOST: engine.host };
    const text = await run("sh", ["-c", prelude + script.replace("8080:80", "0:80")], { env, cwd: folder });
    assert.match(text, /^hello$/m);
    assert.match(text, /Loaded image: mine:latest/);
  } finally {
    await engine.stop();
    rmSync(folder, { recursive: true });
  }
});

it("README's registry works word for word", async () => {
  const script = blocksOf("sh").find((block) => block.includes("make registry"));
  assert.ok(script);
  const engine = await startEngine();
  try {
    const prelude = `set -e; berth() { "${process.execPath}" "${root}/dist/cli/main.js" "$@"; }\n`;
    const env = { ...process.env, BERTH_HOST: engine.host };
    // The kernel chooses the port, which is asked for once the registry runs.
    const words = script
      .replace("-p 5000:5000", "-p 0:5000")
      .replaceAll("localhost:5000/", "$(berth port registry 5000 | sed -n 's/0.0.0.0/localhost/p')/");
    const text = await run("sh", ["-c", prelude + words], { env });
    assert.match(text, /^\{"repositories":\["team\/busybox"\]\}$/m);
    assert.match(text, /^Removed 0 manifests/m);
  } finally {
    await engine.stop();
  }
});

it("README's networks work word for word", async () => {
  const script = blocksOf("sh").find((block) => block.includes("network create shop"));
  assert.ok(script);
  const engine = await startEngine();
  try {
    const prelude = `set -e; berth() { "${process.execPath}" "${root}/dist/cli/main.js" "$@"; }\nberth image make busybox\n`;
    const text = await run("sh", ["-c", prelude + script], {
      env: { ...process.env, BERTH_HOST: engine.host },
    });
    assert.match(text, /1 packets received/);
  } finally {
    await engine.stop();
  }
});

it("README's library example works word for word", async () => {
  const [example] = blocksOf("ts");
  assert.ok(example);
  const name = `bt${randomBytes(3).toString("hex")}`;
  const before = takeFootprint();
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  // Inside the checkout, so that the package finds itself by its name.
  const file = join(root, "dist", `${name}.ts`);
  const replaced = example
    .replace("/var/lib/my-program/containers", join(folder, "data"))
    .replace("/run/my-program", join(folder, "run"))
    .replace("my-program0", name)
    .replace('tableName: "my-program"', `tableName: "${name}", cgroupParent: "/${name}"`);
  writeFileSync(file, replaced);
  try {
    const text = await run(process.execPath, [file], { cwd: root });
    assert.match(text, /StatusCode: 0/);
    await checkGone(before, name);
  } finally {
    rmSync(file);
    rmSync(folder, { recursive: true });
  }
});
