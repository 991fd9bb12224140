import { existsSync, globSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

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

await build({
  ...common,
  entryPoints: ["src/daemon/main.ts", "src/supervisor/main.ts", "src/library/library.ts", ...workers],
});
// Each command in a file of its own, so that one is loaded and not all.
await build({
  ...common,
  entryPoints: ["src/cli/main.ts"],
  splitting: true,
  minify: true,
  chunkNames: "cli/[name]-[hash]",
});
writeFileSync(`${made}/.built`, "");
if (existsSync("dist")) renameSync("dist", old);
renameSync(made, "dist");
rmSync(old, { recursive: true, force: true });
