import { useRef, useState } from "preact/hooks";
import type { ProgressMessage } from "../../../src/formats/docker-api/docker-api.ts";
import { send } from "../../api/call.ts";
import { textOf } from "../../api/failure.ts";
import { readJsonLines } from "../../api/json-lines.ts";
import { packFiles } from "../../files/tar.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords, words } from "../../languages/language.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { chooseFiles } from "../../parts/download.ts";
import { hintFor } from "../../parts/hints.ts";
import { type BuildContext, contextFiles, selectFiles } from "./build-context.ts";
import { type BuildState, type BuildStep, endBuild, noBuild, takeMessage } from "./build-steps.ts";

/** Browsers do not say what may be executed; Docker's clients on Windows send the same. */
const sentMode = 0o755;

/** Runs one build at a time. */
function useBuild() {
  const [state, setState] = useState<BuildState>(noBuild);
  const [isRunning, setRunning] = useState(false);
  const abort = useRef<AbortController | undefined>(undefined);

  async function run(context: BuildContext, query: Record<string, string | boolean>): Promise<void> {
    setState(noBuild);
    setRunning(true);
    abort.current = new AbortController();
    const { signal } = abort.current;
    try {
      const upload = await packFiles(await selectFiles(context), sentMode);
      const answer = await send("POST", "/build", { query, upload, signal });
      await readJsonLines<ProgressMessage>(answer, (message) => setState((old) => takeMessage(old, message)));
      setState((old) => endBuild(old, words().buildCutOff));
    } catch (error) {
      const failure = signal.aborted ? words().buildCancelled : textOf(error);
      setState((old) => endBuild(old, failure));
    }
    setRunning(false);
  }
  return { state, isRunning, run, cancel: () => abort.current?.abort() };
}

/** Asks for a folder or a Dockerfile, and builds an image, step by step. */
export function BuildDialog({ onClose }: { onClose(): void }) {
  const t = useWords();
  const [context, setContext] = useState<BuildContext>({ files: [], dockerfile: "" });
  const [tag, setTag] = useState("");
  const [isFresh, setFresh] = useState(false);
  const build = useBuild();
  const sent = contextFiles(context);
  const bytes = sent.reduce((sum, { file }) => sum + file.size, 0);
  return (
    <Dialog
      title={t.buildTitle}
      isWide
      onClose={() => {
        build.cancel();
        onClose();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void build.run(context, { t: tag.trim(), nocache: isFresh });
        }}
      >
        <p>
          <button
            type="button"
            onClick={() =>
              void chooseFiles({ isFolder: true }).then(
                // None: the choice was cancelled, and what was chosen before stays.
                (files) => files.length > 0 && setContext((old) => ({ ...old, files })),
              )
            }
          >
            {t.buildFolder}
          </button>{" "}
          {sent.length > 0 && <span class="muted">{t.buildFiles(sent.length, formatBytes(bytes))}</span>}
        </p>
        <label class="field">
          <span>{t.buildDockerfile}</span>
          <textarea
            class="mono"
            rows={6}
            spellcheck={false}
            value={context.dockerfile}
            onInput={({ currentTarget }) => setContext({ ...context, dockerfile: currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{t.buildTag}</span>
          <input type="text" value={tag} onInput={({ currentTarget }) => setTag(currentTarget.value)} />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={isFresh}
            onChange={({ currentTarget }) => setFresh(currentTarget.checked)}
          />
          {t.noCache}
        </label>
        <BuildProgress state={build.state} />
        <footer>
          {build.isRunning && (
            <button type="button" onClick={build.cancel}>
              {t.cancel}
            </button>
          )}
          <button type="submit" class="primary" disabled={build.isRunning || sent.length === 0}>
            {t.buildNow}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function BuildProgress({ state: { steps, failure, image } }: { state: BuildState }) {
  const t = useWords();
  return (
    <>
      <ol class="build-steps" aria-label={t.buildTitle}>
        {steps.map((step, at) => (
          <Step key={at} step={step} isLast={at === steps.length - 1} />
        ))}
      </ol>
      {image && <p role="status">{t.buildDone}</p>}
      {failure && (
        <p class="failure" role="alert">
          {failure} {hintFor(failure)}
        </p>
      )}
    </>
  );
}

const marks = { running: "…", done: "✓", failed: "✗" };

/** The last one is open; the others open when they are clicked. */
function Step({ step: { title, lines, state }, isLast }: { step: BuildStep; isLast: boolean }) {
  const t = useWords();
  return (
    <li class={`build-step ${state}`}>
      <details open={isLast || state === "failed"}>
        <summary>
          <span aria-hidden="true">{marks[state]}</span> <code>{title}</code>{" "}
          <span class="unseen">{t.stepStates[state]}</span>
        </summary>
        {lines.length > 0 && <pre>{lines.join("\n")}</pre>}
      </details>
    </li>
  );
}
