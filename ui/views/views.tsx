import type { ComponentType } from "preact";
import { useWords } from "../languages/language.ts";
import { usePlace } from "../router.ts";
import { ContainerView } from "./containers/container.tsx";
import { ContainersView } from "./containers/containers.tsx";
import { EngineView } from "./engine/engine.tsx";
import { ImageView } from "./images/image.tsx";
import { ImagesView } from "./images/images.tsx";
import { NetworksView } from "./networks/networks.tsx";
import { OverviewView } from "./overview/overview.tsx";
import { ProjectsView } from "./projects/projects.tsx";
import { RegistryView } from "./registry/registry.tsx";
import { RunView } from "./run/run.tsx";
import { VolumeView } from "./volumes/volume.tsx";
import { VolumesView } from "./volumes/volumes.tsx";

/** The view of each first part of an address; what follows it is the view's own. */
const rooms: Record<string, ComponentType> = {
  overview: OverviewView,
  containers: ContainersView,
  projects: ProjectsView,
  images: ImagesView,
  networks: NetworksView,
  volumes: VolumesView,
  registry: RegistryView,
  engine: EngineView,
  run: RunView,
};

/** Views of one thing. */
const single: Record<string, ComponentType<{ id: string }>> = {
  containers: ContainerView,
  images: ImageView,
  volumes: VolumeView,
};

export function Views() {
  const { parts } = usePlace();
  const [room = "overview", id] = parts;
  const One = id === undefined || !Object.hasOwn(single, room) ? undefined : single[room];
  if (One && id !== undefined) return <One key={id} id={id} />;
  const View = (Object.hasOwn(rooms, room) ? rooms[room] : undefined) ?? NotFound;
  return <View key={room} />;
}

function NotFound() {
  const t = useWords();
  return <p class="empty">{t.notFound}</p>;
}
