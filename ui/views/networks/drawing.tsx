import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import type { NetworkInspect } from "../../../src/formats/docker-api/docker-api-objects.ts";
import { useWords } from "../../languages/language.ts";
import { addressOf, go } from "../../router.ts";
import { drawNetworks, type Shape } from "./layout.ts";

/** Networks as bars, containers as boxes that hang on them, published ports on their way outside. */
export function Drawing({
  networks,
  containers,
}: {
  networks: readonly NetworkInspect[];
  containers: readonly ContainerSummary[];
}) {
  const t = useWords();
  const { width, height, bars, boxes, lines, isCut } = drawNetworks(networks, containers);
  if (boxes.length === 0) return null;
  return (
    <figure class="drawing">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${t.drawing}: ${t.networks}`}
      >
        {lines.map(({ key, path, colour }) => (
          <path key={key} class={`wire k${colour}`} d={path} />
        ))}
        {bars.map((bar) => (
          <Labelled key={bar.key} shape={bar} kind={`bar k${bar.colour}`} />
        ))}
        {boxes.map((box) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the same link is in the list below
          <g
            key={box.key}
            class="box-link"
            onClick={() => go(addressOf(["containers", box.key.slice(0, 12)]))}
          >
            <Labelled shape={box} kind={`box ${box.state}`} />
            {box.ports !== "" && (
              <text x={box.x + 10} y={box.y + 34} class="ports-text">
                {box.ports}
              </text>
            )}
          </g>
        ))}
      </svg>
      {isCut > 0 && <figcaption class="muted">{t.andMore(isCut)}</figcaption>}
    </figure>
  );
}

function Labelled({ shape: { x, y, width, height, text }, kind }: { shape: Shape; kind: string }) {
  return (
    <g class={kind}>
      <rect x={x} y={y} width={width} height={height} rx="4" />
      <text x={x + 10} y={y + 17}>
        {text}
      </text>
    </g>
  );
}
