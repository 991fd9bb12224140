import { useRef, useState } from "preact/hooks";
import type { ProgressMessage } from "../../../src/formats/docker-api/docker-api.ts";
import { send } from "../../api/call.ts";
import { textOf } from "../../api/failure.ts";
import { readJsonLines } from "../../api/json-lines.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { hintFor } from "../../parts/hints.ts";
import {
  authHeader,
  loginFor,
  noLogin,
  type RegistryLogin,
  registryOf,
  splitReference,
} from "./reference.ts";

interface Layer {
  id: string;
  status: string;
  current: number;
  total: number;
}

/** The layers of a pull or push, as messages come. */
export function useProgress() {
  const [layers, setLayers] = useState<readonly Layer[]>([]);
  const [status, setStatus] = useState("");
  const [failure, setFailure] = useState("");
  const [isRunning, setRunning] = useState(false);
  const abort = useRef<AbortController | undefined>(undefined);

  function take({ id, status: text = "", progressDetail, error, stream }: ProgressMessage): void {
    if (error) setFailure(error);
    if (!id || /^Pulling from|^latest/.test(text)) setStatus(text || (stream ?? "").trim());
    else
      setLayers((old) => {
        const known = old.find((one) => one.id === id);
        const next = {
          id,
          status: text,
          current:
            progressDetail?.current ??
            (/complete|exists|Pushed|Downloaded/i.test(text) ? (known?.total ?? 1) : 0),
          total: progressDetail?.total ?? known?.total ?? 1,
        };
        return known ? old.map((one) => (one.id === id ? next : one)) : [...old, next];
      });
  }

  /** @returns whether it came to a good end */
  async function run(
    path: string,
    query: Record<string, string | boolean | undefined>,
    headers: Record<string, string> = {},
  ): Promise<boolean> {
    setLayers([]);
    setFailure("");
    setStatus("");
    setRunning(true);
    abort.current = new AbortController();
    let isGood = true;
    try {
      const answer = await send("POST", path, { query, headers, signal: abort.current.signal });
      await readJsonLines<ProgressMessage>(answer, (message) => {
        if (message.error) isGood = false;
        take(message);
      });
    } catch (error) {
      isGood = false;
      if (!abort.current.signal.aborted) setFailure(textOf(error));
    }
    setRunning(false);
    return isGood;
  }
  return { layers, status, failure, isRunning, run, cancel: () => abort.current?.abort() };
}

export function Progress({ of }: { of: ReturnType<typeof useProgress> }) {
  const t = useWords();
  const { layers, status, failure } = of;
  return (
    <div class="progress-list">
      {layers.map(({ id, status: text, current, total }) => (
        <div key={id} class="progress-row">
          <code>{id}</code>
          <progress value={current} max={total} aria-label={`${id} ${text}`} />
          <span class="muted">
            {total > 1 ? `${text} ${formatBytes(current)} / ${formatBytes(total)}` : text || t.waitingLayer}
          </span>
        </div>
      ))}
      {status && <p role="status">{status}</p>}
      {failure && (
        <p class="failure" role="alert">
          {failure} {hintFor(failure)}
        </p>
      )}
    </div>
  );
}

interface PullDialogProps {
  /** What is there to begin with. */
  name?: string;
  /** For the registry of that name; it is sent to no other. */
  login?: RegistryLogin;
  onClose(): void;
}

/** Asks for an image and pulls it, with the layers' progress. */
export function PullDialog(props: PullDialogProps) {
  const { onClose } = props;
  const t = useWords();
  const [name, setName] = useState(props.name ?? "");
  const [given, setGiven] = useState(props.login ?? noLogin);
  const host = registryOf(name.trim());
  const login = { ...loginFor(host, given), host };
  const progress = useProgress();

  async function pull(): Promise<void> {
    const { repository, tag } = splitReference(name.trim());
    const isGood = await progress.run(
      "/images/create",
      { fromImage: repository, tag },
      authHeader(name.trim(), login),
    );
    if (isGood) setName("");
  }

  return (
    <Dialog
      title={t.pullImage}
      onClose={() => {
        progress.cancel();
        onClose();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) void pull();
        }}
      >
        <label class="field">
          <span>{t.imageReference}</span>
          <input
            type="text"
            value={name}
            placeholder={t.imageReferenceHint}
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        </label>
        <details>
          <summary>{t.passwordOfRegistry}</summary>
          <label class="field">
            <span>{t.userName}</span>
            <input
              type="text"
              autoComplete="off"
              value={login.user}
              onInput={({ currentTarget }) => setGiven({ ...login, user: currentTarget.value })}
            />
          </label>
          <label class="field">
            <span>{t.loginPassword}</span>
            <input
              type="password"
              autoComplete="off"
              value={login.password}
              onInput={({ currentTarget }) => setGiven({ ...login, password: currentTarget.value })}
            />
          </label>
        </details>
        <Progress of={progress} />
        <footer>
          {progress.isRunning && (
            <button type="button" onClick={progress.cancel}>
              {t.cancel}
            </button>
          )}
          <button type="submit" class="primary" disabled={progress.isRunning}>
            {t.pullStart}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
