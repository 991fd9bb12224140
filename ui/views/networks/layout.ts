import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import type { NetworkInspect } from "../../../src/formats/docker-api/docker-api-objects.ts";
import { nameOf } from "../../live/containers.ts";
import { isOnNetwork } from "./members.ts";

export interface Shape {
  key: string;
  x: number;
  y: number;
  width: number;
  height: number;
  text: string;
}

interface Bar extends Shape {
  colour: number;
}

interface Box extends Shape {
  state: string;
  ports: string;
}

interface Line {
  key: string;
  /** Of an SVG. */
  path: string;
  colour: number;
}

export interface NetworkDrawing {
  width: number;
  height: number;
  bars: Bar[];
  boxes: Box[];
  lines: Line[];
  /** Containers that there was no room for. */
  isCut: number;
}

const [barHeight, barGap] = [26, 10];
const [boxWidth, boxHeight, boxGap] = [165, 44, 10];
const mostDrawn = 60;
const boxesLeft = 240;
const boxesInRow = 4;

/** Bars on the left, one below the other; boxes on the right, each with a wire to every network that it is on. */
export function drawNetworks(
  networks: readonly NetworkInspect[],
  containers: readonly ContainerSummary[],
): NetworkDrawing {
  const used = networks.filter(({ Name }) => containers.some((one) => isOnNetwork(one, Name)));
  const joined = containers
    .filter((one) => used.some(({ Name }) => isOnNetwork(one, Name)))
    .sort((a, b) => placeOf(a, used) - placeOf(b, used));
  const drawn = joined.slice(0, mostDrawn);
  const bars = used.map(
    ({ Id, Name }, index): Bar => ({
      ...{ key: Id, x: 8, y: 8 + index * (barHeight + barGap), width: 150, height: barHeight },
      ...{ text: shorten(Name, 19), colour: index % 8 },
    }),
  );
  const boxes = drawn.map(
    (one, index): Box => ({
      key: one.Id,
      x: boxesLeft + (index % boxesInRow) * (boxWidth + boxGap),
      y: 8 + Math.floor(index / boxesInRow) * (boxHeight + 8 + used.length * 3),
      ...{
        width: boxWidth,
        height: boxHeight,
        text: shorten(nameOf(one), 19),
        state: one.State,
        ports: portsOf(one),
      },
    }),
  );
  const lines = drawn.flatMap((one, index) =>
    bars.flatMap((bar, at) => {
      const box = boxes[index];
      if (!box || !isOnNetwork(one, used[at]?.Name ?? "")) return [];
      return [wire(bar, box, at)];
    }),
  );
  return {
    width: boxesLeft + Math.min(boxesInRow, Math.max(1, drawn.length)) * (boxWidth + boxGap),
    height: Math.max(bottomOf(bars), bottomOf(boxes) + used.length * 3) + 10,
    ...{ bars, boxes, lines, isCut: joined.length - drawn.length },
  };
}

/** From below the box, along under its row, and up or down to the bar; each network in a lane of its own. */
function wire(bar: Bar, box: Box, at: number): Line {
  const lane = box.y + box.height + 4 + at * 3;
  const trunk = bar.x + bar.width + 12 + at * 6;
  const path = `M${box.x + 16 + at * 10} ${box.y + box.height}V${lane}H${trunk}V${bar.y + bar.height / 2}H${bar.x + bar.width}`;
  return { key: `${bar.key}${box.key}`, path, colour: bar.colour };
}

const placeOf = (one: ContainerSummary, networks: readonly NetworkInspect[]) =>
  networks.findIndex(({ Name }) => isOnNetwork(one, Name));

const bottomOf = (shapes: readonly Shape[]) =>
  shapes.reduce((most, { y, height }) => Math.max(most, y + height), 0);

const shorten = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function portsOf({ Ports }: ContainerSummary): string {
  const ports = new Set(
    Ports.filter(({ PublicPort }) => PublicPort).map(
      ({ PublicPort, PrivatePort }) => `${PublicPort}→${PrivatePort}`,
    ),
  );
  return shorten([...ports].join(" "), 22);
}
