import { emitKeypressEvents, type Key } from "node:readline";
import type { Client } from "../../client/client.ts";
import { messageOf } from "../../errors.ts";
import type { ImageAnalysis, LayerEntry } from "../../formats/docker-api/docker-api-layers.ts";
import { viewLayer } from "../../formats/image-tree-view.ts";
import type { Cli } from "../cli.ts";
import { hasColors } from "../has-colors.ts";
import { exitOnSignals } from "../terminal.ts";
import { drawExplorer, pageOf } from "./explore-draw.ts";
import { printable } from "./explore-report.ts";
import { type ExploreEffect, type ExploreState, press, startExploring } from "./explore-state.ts";

interface Explored {
  name: string;
  platform: string | undefined;
  analysis: ImageAnalysis;
}

const enterScreen = "\u001b[?1049h\u001b[?25l";
const leaveScreen = "\u001b[?25h\u001b[?1049l";
/** More of a file is not shown. */
const shownBytes = 1 << 20;

/** Shows layers and files until the person leaves; the terminal is as it was then, whichever way that is. */
export async function exploreScreen(cli: Cli, client: Client, explored: Explored): Promise<void> {
  const { stdin, stdout } = cli as Cli & { stdin: NodeJS.ReadStream };
  const count = explored.analysis.Layers.length;
  const state = startExploring(Math.max(0, count - 1));
  const layers = createLayerLoader(client, explored);
  const size = () => ({
    rows: stdout.rows ?? 24,
    columns: stdout.columns ?? 80,
    hasColors: hasColors(cli.env),
  });
  const draw = () => {
    const lines = drawExplorer(state, explored, size());
    stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`);
  };
  const restore = () => {
    stdin.setRawMode(false);
    stdout.write(leaveScreen);
  };
  stdout.write(enterScreen);
  stdin.setRawMode(true);
  emitKeypressEvents(stdin);
  process.on("exit", restore);
  process.on("SIGWINCH", draw);
  const stopSignals = exitOnSignals();
  try {
    await new Promise<void>((resolve, reject) => {
      const carryOut = (effect: ExploreEffect | undefined): void => {
        draw();
        if (effect?.kind === "quit") resolve();
        else if (effect) followEffect(state, effect, { client, explored, layers }).then(draw, reject);
      };
      stdin.on("keypress", (text: string | undefined, key: Key) =>
        carryOut(
          press(
            state,
            { name: key.name ?? "", text: text ?? "", isControl: key.ctrl ?? false },
            pageOf(size().rows),
            count,
          ),
        ),
      );
      stdin.once("end", resolve);
      if (count === 0) state.view = viewLayer([]);
      carryOut(count > 0 ? { kind: "layer", number: state.layer } : undefined);
    });
  } finally {
    stdin.removeAllListeners("keypress");
    stdin.pause();
    process.off("SIGWINCH", draw);
    stopSignals();
    process.off("exit", restore);
    restore();
  }
}

type LayerLoader = (number: number) => Promise<readonly LayerEntry[]>;

/** Asks for each layer once. */
function createLayerLoader(client: Client, { name, platform }: Explored): LayerLoader {
  const known = new Map<number, Promise<readonly LayerEntry[]>>();
  async function load(number: number): Promise<LayerEntry[]> {
    const entries: LayerEntry[] = [];
    for await (const entry of await client.images.layerEntries(name, number, { platform }))
      entries.push(entry);
    return entries;
  }
  return (number) => {
    const entries = known.get(number) ?? load(number);
    known.set(number, entries);
    return entries;
  };
}

interface Surroundings {
  client: Client;
  explored: Explored;
  layers: LayerLoader;
}

async function followEffect(
  state: ExploreState,
  effect: ExploreEffect,
  { client, explored, layers }: Surroundings,
): Promise<void> {
  if (effect.kind === "layer") {
    state.view = undefined;
    const below = await Promise.all(Array.from({ length: effect.number + 1 }, (_, number) => layers(number)));
    // The cursor may have moved on meanwhile.
    if (state.layer === effect.number) state.view = viewLayer(below);
  } else if (effect.kind === "file") {
    const lines = await readLines(client, explored, state.layer, effect.path);
    state.file = { path: effect.path, lines, top: 0 };
  }
}

async function readLines(
  client: Client,
  { name, platform }: Explored,
  layer: number,
  path: string,
): Promise<string[]> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of await client.images.readLayeredFile(name, { layer, path, platform })) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > shownBytes) break;
    }
  } catch (error) {
    return [printable(messageOf(error))];
  }
  const bytes = Buffer.concat(chunks).subarray(0, shownBytes);
  if (bytes.includes(0)) return ["This is not a text file."];
  const lines = bytes
    .toString()
    .split("\n")
    .map((line) => printable(line.replaceAll("\t", "    ")));
  return length > shownBytes ? [...lines, "… the rest is not shown"] : lines;
}
