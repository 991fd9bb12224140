import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { buildUi } from "./build-ui.ts";

/**
 * Bundles the programs, each with all it imports, into dist/ (same paths as in src/): start-up time counts. Native modules
 * stay outside.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const workers = globSync("src/**/*.worker.ts", { cwd: root });
// Made aside and put in place at once: somebody may be running what is there.
const made = `dist.new-${process.pid}`;
const old = `dist.old-${process.pid}`;
process.chdir(root);
const common: BuildOptions = {
  absWorkingDir: root,
  outdir: made,
  outbase: "src",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  external: ["koffi"],
  sourcemap: "linked",
  logLevel: "warning",
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};

/** What a program that embeds the engine is compiled against, and no more than that. */
function declareTypes(target: string): void {
  const project = `${made}/tsconfig.json`;
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, noCheck: true },
    ...{ rootDir: "../src", outDir: "types", typeRoots: ["../node_modules/@types"] },
  };
  writeFileSync(
    project,
    JSON.stringify({
      extends: "../tsconfig.json",
      compilerOptions,
      include: [],
      files: ["../src/library/library.ts"],
    }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });
  rmSync(project);
  const reached = new Set<string>();
  const follow = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const [, path = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import\() ?"(\.[^"]+)\.ts"/g))
      follow(`${join(dirname(file), path)}.d.ts`);
  };
  follow(`${target}/library/library.d.ts`);
  for (const file of globSync(`${target}/**/*.d.ts`)) if (!reached.has(file)) rmSync(file);
}

await build({
  ...common,
  entryPoints: [
    ...[
      "src/daemon/main.ts",
      "src/supervisor/main.ts",
      "src/resolver/main.ts",
      "src/relay/main.ts",
      "src/library/library.ts",
    ],
    ...workers,
  ],
});
// Each command in a file of its own, so that one is loaded and not all.
await build({
  ...common,
  entryPoints: ["src/cli/main.ts"],
  splitting: true,
  minify: true,
  chunkNames: "cli/[name]-[hash]",
});
await buildUi(`${made}/ui`);
declareTypes(`${made}/types`);
writeFileSync(`${made}/.built`, "");
if (existsSync("dist")) renameSync("dist", old);
renameSync(made, "dist");
rmSync(old, { recursive: true, force: true });
