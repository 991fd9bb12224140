import type { ContainerSummary } from "../../src/formats/docker-api/docker-api.ts";

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
      const host = !IP || IP === "0.0.0.0" || IP === "::" ? "" : `${IP}:`;
      const text = `${host}${PublicPort} → ${PrivatePort}${Type === "tcp" ? "" : `/${Type}`}`;
      return [text, { host: host ? (IP ?? "") : location.hostname, port: PublicPort, isTcp: Type === "tcp" }];
    }),
  );
  return (
    <span class="ports">
      {[...texts].map(([text, { host, port, isTcp }]) =>
        isTcp ? (
          <a
            key={text}
            href={`http://${host.includes(":") ? `[${host}]` : host}:${port}/`}
            target="_blank"
            rel="noreferrer noopener"
          >
            {text}
          </a>
        ) : (
          <span key={text}>{text}</span>
        ),
      )}
    </span>
  );
}
