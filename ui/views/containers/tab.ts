import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";

/** What each part of a container's view gets. */
export interface TabProps {
  container: ContainerInspect;
}
