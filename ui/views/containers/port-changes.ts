import type { PortMap } from "../../../src/formats/docker-api/docker-api.ts";
import { createBody, emptyForm } from "../run/form.ts";

/** The body of `POST /berth/containers/ID/ports`. */
export interface PortChanges {
  Publish: PortMap;
  Unpublish: { HostIp?: string; HostPort: string; Protocol: string }[];
}

interface Binding {
  key: string;
  HostIp: string;
  HostPort: string;
}

/**
 * What the user changed, and nothing that others have changed meanwhile. Each is a list as the form has it: "8080:80".
 * @param base what the form was filled from
 * @param wanted what it is now
 * @param now what the engine has
 */
export function portChanges(
  base: readonly string[],
  wanted: readonly string[],
  now: readonly string[],
): PortChanges {
  const [before, after, current] = [base, wanted, now].map(readBindings) as [Bindings, Bindings, Bindings];
  const Publish: PortMap = {};
  for (const [name, { key, HostIp, HostPort }] of after)
    if (!before.has(name) && !current.has(name))
      Publish[key] = [...(Publish[key] ?? []), { HostIp, HostPort }];
  const Unpublish = [...before]
    .filter(([name]) => !after.has(name) && current.has(name))
    .map(([, { key, HostIp, HostPort }]) => ({
      ...(HostIp && { HostIp }),
      ...{ HostPort, Protocol: key.split("/")[1] ?? "tcp" },
    }));
  return { Publish, Unpublish };
}

type Bindings = ReadonlyMap<string, Binding>;

/** By what they mean, so that "80:80" and "80:80/tcp" are one. */
function readBindings(texts: readonly string[]): Bindings {
  const map = createBody({ ...emptyForm, ports: [...texts] }).HostConfig?.PortBindings ?? {};
  const all = Object.entries(map).flatMap(([key, list]) =>
    (list ?? []).map(({ HostIp = "", HostPort = "" }) => ({ key, HostIp, HostPort })),
  );
  return new Map(all.map((one) => [JSON.stringify(one), one]));
}
