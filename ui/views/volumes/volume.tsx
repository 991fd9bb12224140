import { useMemo } from "preact/hooks";
import type { ContainerDirectory } from "../../../src/formats/docker-api/docker-api-layers.ts";
import type { Volume } from "../../../src/formats/docker-api/docker-api-objects.ts";
import { at, call, send } from "../../api/call.ts";
import { FileBrowser, type FileSource } from "../../files/browser.tsx";
import { useWords } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { download } from "../../parts/download.ts";
import { Facts } from "../../parts/facts.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { addressOf, usePlace } from "../../router.ts";
import { useVolumeUsers } from "./users.ts";

/** One volume, by name, and what is in it. */
export function VolumeView({ id }: { id: string }) {
  const t = useWords();
  const volume = useResource<Volume>(`/volumes/${at(id)}`, ["volume"]);
  const users = useVolumeUsers().get(id) ?? [];
  const isBerth = useTraits()?.isBerth ?? false;
  return (
    <section class="view detail">
      <Loaded of={volume}>
        {({ Name, Driver, Mountpoint, Scope }) => (
          <>
            <header class="view-head">
              <h1>
                <Link to="/volumes" class="crumb">
                  {t.volumes}
                </Link>{" "}
                <span class="crumb">/</span> {Name}
              </h1>
            </header>
            <section class="panel">
              <Facts
                rows={[
                  [t.driver, Driver],
                  [t.scope, Scope],
                  [t.mountPoint, <code key="place">{Mountpoint}</code>],
                  [
                    t.usedBy,
                    users.length > 0 && (
                      <span key="users">
                        {users.map((user) => (
                          <Link key={user.id} to={addressOf(["containers", user.id])} class="listed">
                            {user.name}
                          </Link>
                        ))}
                      </span>
                    ),
                  ],
                ]}
              />
            </section>
            {isBerth && <VolumeFiles name={Name} />}
          </>
        )}
      </Loaded>
    </section>
  );
}

function VolumeFiles({ name }: { name: string }) {
  const { query } = usePlace();
  const path = query.path ?? "/";
  const directory = useResource<ContainerDirectory>(`/berth/volumes/${at(name)}/files`, [], { path });
  const source = useMemo(() => sourceOf(name), [name]);
  return <FileBrowser of={directory} source={source} />;
}

const sourceOf = (name: string): FileSource => ({
  follow: (path) =>
    call("GET", `/berth/volumes/${at(name)}/files`, { query: { path } }).then(
      () => ({ path, kind: "directory" }),
      () => ({ path, kind: "file" }),
    ),
  async read(path) {
    const { body } = await send("GET", `/berth/volumes/${at(name)}/file`, { query: { path } });
    return body ?? new Blob().stream();
  },
  save: (path, fileName) =>
    download(`/berth/volumes/${at(name)}/file?path=${encodeURIComponent(path)}`, fileName),
});
