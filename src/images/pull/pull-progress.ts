import { shortId } from "../../formats/digest.ts";
import type { ProgressMessage } from "../../formats/docker-api/docker-api.ts";
import { readGrowth } from "../../sys/growing-file.ts";
import type { ReceptionState } from "./attempt-arrival.ts";
import type { WantedLayer } from "./receptions.ts";

/** Reports the progress of layers, in Docker's words and order. */
export interface PullProgress {
  /** A layer's work is known now. */
  watch(state: ReceptionState): void;
  finish(): void;
}

type Report = (message: ProgressMessage) => void;

const intervalMilliseconds = 100;
const steps = [
  "Waiting",
  "Downloading",
  "Verifying Checksum",
  "Download complete",
  "Extracting",
  "Pull complete",
];

export interface ProgressClock {
  /** Follows one layer; call `finish` of it at its end and `stop` of the clock at the end of all. */
  follow(layer: WantedLayer): PullProgress;
  stop(): void;
}

/** Looks at all layers ten times a second: what changes between two looks is not shown, which is what Docker does too. */
export function createProgressClock(report: Report): ProgressClock {
  const updates = new Set<() => void>();
  const timer = setInterval(() => {
    for (const update of updates) update();
  }, intervalMilliseconds);
  return {
    follow(layer) {
      const { update, ...progress } = followLayer(layer, report);
      updates.add(update);
      return {
        ...progress,
        finish() {
          updates.delete(update);
          progress.finish();
        },
      };
    },
    stop: () => clearInterval(timer),
  };
}

function followLayer({ blob }: WantedLayer, report: Report): PullProgress & { update(): void } {
  const id = shortId(blob.digest);
  let state: ReceptionState | undefined;
  let step = -1;
  let shown = -1;

  /** Shows the steps up to this one that have not been shown; a bar only where something is to be seen. */
  function advance(to: number): void {
    for (const status of steps.slice(Math.max(step + 1, 1), to + 1)) {
      const isBar = status === "Downloading" || status === "Extracting";
      if (!isBar) report({ status, progressDetail: {}, id });
    }
    if (to === 0 && step < 0) report({ status: "Waiting", progressDetail: {}, id });
    if (to > step) shown = -1;
    step = Math.max(step, to);
  }

  function showBar(status: string, current: number): void {
    if (current === shown) return;
    shown = current;
    report({ status, progressDetail: { current, total: blob.size }, id });
  }

  return {
    watch(found) {
      state = found;
    },
    update() {
      if (!state) return;
      const { writtenBytes, readBytes } = readGrowth(state.growth);
      if (state.phase === "waiting") advance(0);
      if (state.phase === "downloading") {
        advance(1);
        if (writtenBytes > 0) showBar("Downloading", writtenBytes);
      }
      if (state.phase === "extracting") {
        advance(4);
        showBar("Extracting", readBytes);
      }
    },
    finish() {
      // A layer too quick to be seen gets its bars too, full: clients draw them.
      if (step < 1) showBar("Downloading", blob.size);
      advance(4);
      showBar("Extracting", blob.size);
      advance(5);
    },
  };
}
