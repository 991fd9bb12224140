import type { ComponentType } from "preact";
import { useWords } from "../languages/language.ts";
import { usePlace } from "../router.ts";
import { ContainerView } from "./containers/container.tsx";
import { ContainersView } from "./containers/containers.tsx";

/** The view of each first part of an address; what follows it is the view's own. */
const rooms: Record<string, ComponentType> = {
  containers: ContainersView,
};

export function Views() {
  const { parts } = usePlace();
  const [room = "containers", id] = parts;
  if (room === "containers" && id !== undefined) return <ContainerView key={id} id={id} />;
  const View = rooms[room] ?? NotFound;
  return <View />;
}

function NotFound() {
  const t = useWords();
  return <p class="empty">{t.notFound}</p>;
}
