import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");

/**
 * Bundles the page into `target`: each file has its content's hash in its name, and its compressed forms beside it. What is used now
 * and then (the terminal, charts) is in chunks of its own.
 */
export async function buildUi(target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const { metafile } = await build({
    // The launcher is called from any directory.
    absWorkingDir: root,
    entryPoints: { main: "ui/main.tsx", style: "ui/style.css" },
    outdir: target,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome120", "firefox121", "safari17"],
    jsx: "automatic",
    jsxImportSource: "preact",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    metafile: true,
    logLevel: "warning",
  });
  const made = Object.entries(metafile.outputs);
  const nameOf = (entry: string) =>
    basename(made.find(([, { entryPoint }]) => entryPoint === entry)?.[0] ?? "");
  const index = readFileSync(join(root, "ui/index.html"), "utf8")
    .replace("main.js", nameOf("ui/main.tsx"))
    .replace("style.css", nameOf("ui/style.css"));
  writeFileSync(join(target, "index.html"), index);
  copyFileSync(join(root, "ui/icon.svg"), join(target, "icon.svg"));
  for (const file of globSync(`${target}/*.{js,css,html,svg}`)) compress(file);
}

function compress(file: string): void {
  const content = readFileSync(file);
  const quality = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: quality }));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
}
