import type { ContainerSummary } from "../../src/formats/docker-api/docker-api.ts";
import { addressOfPort } from "./port-address.ts";

/** A container's state with the word, since a colour alone says nothing to some. */
export function State({ state, status }: { state: string; status: string }) {
  const isSick = /\(unhealthy\)/.test(status);
  return (
    <span class={`state ${state} ${isSick ? "unhealthy" : ""}`}>
      <i aria-hidden="true" />
      {isSick ? "unhealthy" : state}
    </span>
  );
}

/** "8080 → 80/tcp", the same port of several addresses once. */
export function Ports({ ports }: { ports: ContainerSummary["Ports"] }) {
  const published = ports.filter(({ PublicPort }) => PublicPort);
  const texts = new Map(
    published.map(({ IP, PublicPort, PrivatePort, Type }) => {
      const ip = !IP || IP === "0.0.0.0" || IP === "::" ? undefined : IP;
      const host = ip === undefined ? "" : `${ip}:`;
      const text = `${host}${PublicPort} → ${PrivatePort}${Type === "tcp" ? "" : `/${Type}`}`;
      return [text, Type === "tcp" ? addressOfPort(ip, PublicPort ?? 0, location.hostname) : undefined];
    }),
  );
  return (
    <span class="ports">
      {[...texts].map(([text, address]) =>
        address !== undefined ? (
          <a key={text} href={address} target="_blank" rel="noreferrer noopener">
            {text}
          </a>
        ) : (
          <span key={text}>{text}</span>
        ),
      )}
    </span>
  );
}
