import { useState } from "preact/hooks";
import type { ImageHistoryItem, ImageInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { atImage, post } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { formatAgo, parseTime } from "../../formats/time.ts";
import { useWords, words } from "../../languages/language.ts";
import { containers, nameOf } from "../../live/containers.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { askText } from "../../parts/ask-text.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { download } from "../../parts/download.ts";
import { Facts, TextTable } from "../../parts/facts.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt, tell } from "../../parts/notices.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { Tree } from "../../parts/tree.tsx";
import { addressOf, go, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { removeImages, shortId, tagsOf } from "./images.tsx";
import { LayersTab } from "./layers-tab.tsx";
import { Progress, useProgress } from "./pull.tsx";
import { splitReference } from "./reference.ts";

const parts = ["summary", "history", "layers", "inspect"] as const;

/** One image, by id or name. */
export function ImageView({ id }: { id: string }) {
  const t = useWords();
  const image = useResource<ImageInspect>(`/images/${atImage(id)}/json`, ["image"]);
  const { parts: place } = usePlace();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  // Docker's own engine cannot look into layers.
  const hasLayers = useTraits()?.isBerth ?? false;
  const shown = parts.filter((part) => part !== "layers" || hasLayers);
  const current = shown.find((part) => part === place[2]) ?? "summary";
  return (
    <section class="view detail">
      <Loaded of={image}>
        {(found) => (
          <>
            <header class="view-head">
              <h1>
                <Link to="/images" class="crumb">
                  {t.images}
                </Link>{" "}
                <span class="crumb">/</span> {tagsOf(found)[0] ?? shortId(found.Id)}
              </h1>
              <Tools image={found} isReadOnly={isReadOnly} />
            </header>
            <Tabs
              label={t.images}
              current={current}
              tabs={shown.map((name) => ({ name, title: t[name], to: addressOf(["images", id, name]) }))}
            />
            {current === "summary" && <Summary image={found} />}
            {current === "history" && <History id={found.Id} />}
            {current === "layers" && <LayersTab id={found.Id} />}
            {current === "inspect" && (
              <div class="panel scrolls">
                <Tree value={found} />
              </div>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}

function Tools({ image, isReadOnly }: { image: ImageInspect; isReadOnly: boolean }) {
  const t = useWords();
  const [pushed, setPushed] = useState<string>();
  const name = tagsOf(image)[0] ?? image.Id;
  return (
    <>
      {!isReadOnly && (
        <Link to={addressOf(["run"], { image: name })} class="button primary">
          {t.run}
        </Link>
      )}
      <button
        type="button"
        onClick={() => void download(`/images/${atImage(name)}/get`, `${name.replace(/[/:]/g, "-")}.tar`)}
      >
        <Icon name="download" /> {t.saveImage}
      </button>
      {!isReadOnly && (
        <>
          <button type="button" onClick={() => void tag(image.Id)}>
            {t.tag}
          </button>
          {tagsOf(image).length > 0 && (
            <button type="button" onClick={() => setPushed(name)}>
              <Icon name="upload" /> {t.push}
            </button>
          )}
          <button
            type="button"
            class="danger"
            onClick={() => void removeImages([image]).then(() => go("/images"))}
          >
            <Icon name="remove" /> {t.remove}
          </button>
        </>
      )}
      {pushed && <PushDialog name={pushed} onClose={() => setPushed(undefined)} />}
    </>
  );
}

async function tag(id: string): Promise<void> {
  const t = words();
  const name = await askText(t.tag, t.tagAs);
  if (!name) return;
  const { repository: repo, tag: version } = splitReference(name);
  const isDone = await attempt(t.tag, () => post(`/images/${atImage(id)}/tag`, { repo, tag: version }));
  if (isDone) tell(t.tag, name);
}

function PushDialog({ name, onClose }: { name: string; onClose(): void }) {
  const t = useWords();
  const progress = useProgress();
  const { repository, tag: version } = splitReference(name);
  return (
    <Dialog title={`${t.push}: ${name}`} onClose={onClose}>
      <Progress of={progress} />
      <footer>
        {progress.isRunning && (
          <button type="button" onClick={progress.cancel}>
            {t.cancel}
          </button>
        )}
        <button
          type="button"
          class="primary"
          disabled={progress.isRunning}
          onClick={() =>
            void progress.run(
              `/images/${atImage(repository)}/push`,
              { tag: version },
              { "X-Registry-Auth": btoa("{}") },
            )
          }
        >
          {t.push}
        </button>
      </footer>
    </Dialog>
  );
}

function Summary({ image }: { image: ImageInspect }) {
  const t = useWords();
  const users = (useStore(containers) ?? []).filter(({ ImageID }) => ImageID === image.Id);
  const created = parseTime(image.Created);
  const { Config } = image;
  return (
    <div class="sections scrolls">
      <section class="panel">
        <h2>{t.summary}</h2>
        <Facts
          rows={[
            [t.id, <code key="id">{shortId(image.Id)}</code>],
            [t.tags, tagsOf(image).join(", ")],
            [t.size, formatBytes(image.Size)],
            [t.created, created && formatAgo(created)],
            [t.architecture, `${image.Os}/${image.Architecture}`],
            [t.entrypoint, (Config?.Entrypoint ?? []).join(" ")],
            [t.command, (Config?.Cmd ?? []).join(" ")],
            [t.ports, Object.keys(Config?.ExposedPorts ?? {}).join(", ")],
            [t.volumes, Object.keys(Config?.Volumes ?? {}).join(", ")],
            [t.user, Config?.User],
            [t.workingDirectory, Config?.WorkingDir],
            [t.layers, image.RootFS?.Layers?.length],
          ]}
        />
      </section>
      <section class="panel">
        <h2>{t.usedBy}</h2>
        {users.length === 0 && <span class="muted">{t.unused}</span>}
        <p class="links">
          {users.map((one) => (
            <Link key={one.Id} to={addressOf(["containers", one.Id.slice(0, 12)])}>
              {nameOf(one)}
            </Link>
          ))}
        </p>
      </section>
      <section class="panel">
        <h2>{t.environment}</h2>
        <pre>{(Config?.Env ?? []).join("\n")}</pre>
      </section>
    </div>
  );
}

function History({ id }: { id: string }) {
  const t = useWords();
  const history = useResource<ImageHistoryItem[]>(`/images/${atImage(id)}/history`, []);
  return (
    <div class="panel scrolls">
      <Loaded of={history}>
        {(items) => (
          <TextTable
            label={t.history}
            head={[t.created, t.size, t.createdBy]}
            rows={items.map(({ Created, Size, CreatedBy, Comment }) => [
              Created > 0 ? formatAgo(Created) : "–",
              formatBytes(Size),
              <code key="by">{CreatedBy || Comment}</code>,
            ])}
          />
        )}
      </Loaded>
    </div>
  );
}
