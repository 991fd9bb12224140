import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { formatAgo, formatTime, parseTime } from "../../formats/time.ts";
import { useWords } from "../../languages/language.ts";
import { Facts, TextTable } from "../../parts/facts.tsx";
import { Link } from "../../parts/link.tsx";
import { addressOf } from "../../router.ts";
import type { TabProps } from "./tab.ts";

/** What a container is made of, in sections. */
export function SummaryTab({ container }: TabProps) {
  return (
    <div class="sections scrolls">
      <Basics container={container} />
      <Networks container={container} />
      <Mounts container={container} />
      <Health container={container} />
      <Environment container={container} />
      <Labels container={container} />
    </div>
  );
}

const quote = (words: readonly string[]) =>
  words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");

function Basics({ container }: TabProps) {
  const t = useWords();
  const { State, Config, HostConfig, Created, Image, Path, Args, RestartCount } = container;
  const [created, started, finished] = [Created, State.StartedAt, State.FinishedAt].map(parseTime);
  const policy = HostConfig.RestartPolicy;
  return (
    <section class="panel">
      <h2>{t.summary}</h2>
      <Facts
        rows={[
          [t.id, <code key="id">{container.Id.slice(0, 12)}</code>],
          [
            t.image,
            <Link key="image" to={addressOf(["images", Image])}>
              {Config.Image || Image}
            </Link>,
          ],
          [t.command, <code key="command">{quote([Path, ...Args])}</code>],
          [t.created, created && <Moment key="created" at={created} />],
          [t.startedAt, started && <Moment key="started" at={started} />],
          [t.finishedAt, !State.Running && finished && <Moment key="finished" at={finished} />],
          [
            t.exitCode,
            !State.Running && finished ? `${State.ExitCode}${State.Error && `: ${State.Error}`}` : undefined,
          ],
          [
            t.restartPolicy,
            policy?.Name && `${policy.Name}${policy.MaximumRetryCount ? `:${policy.MaximumRetryCount}` : ""}`,
          ],
          [t.restarts, RestartCount || undefined],
          [t.memoryLimit, HostConfig.Memory ? formatBytes(HostConfig.Memory) : undefined],
          [t.cpuLimit, HostConfig.NanoCpus ? String(HostConfig.NanoCpus / 1e9) : undefined],
          [t.user, Config.User],
          [t.workingDirectory, Config.WorkingDir],
          [t.hostName, Config.Hostname],
        ]}
      />
    </section>
  );
}

const Moment = ({ at }: { at: number }) => (
  <time dateTime={new Date(at * 1000).toISOString()} title={formatTime(at)}>
    {formatAgo(at)}
  </time>
);

function Networks({ container: { NetworkSettings } }: TabProps) {
  const t = useWords();
  const networks = Object.entries(NetworkSettings.Networks ?? {});
  const ports = Object.entries(NetworkSettings.Ports ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort} → ${port}`),
  );
  if (networks.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t.networks}</h2>
      <TextTable
        label={t.networks}
        head={[t.name, t.address, t.gateway, t.macAddress, t.aliases]}
        rows={networks.map(([name, one]) => [
          <Link key="name" to={addressOf(["networks", one.NetworkID || name])}>
            {name}
          </Link>,
          [one.IPAddress, one.GlobalIPv6Address].filter(Boolean).join(" "),
          [one.Gateway, one.IPv6Gateway].filter(Boolean).join(" "),
          one.MacAddress,
          (one.Aliases ?? []).join(" "),
        ])}
      />
      {ports.length > 0 && <p class="mono ports-list">{ports.join("   ")}</p>}
    </section>
  );
}

function Mounts({ container: { Mounts: mounts } }: TabProps) {
  const t = useWords();
  if (mounts.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t.mounts}</h2>
      <TextTable
        label={t.mounts}
        head={[t.destination, t.type, t.source, t.mode]}
        rows={mounts.map((one) => [
          <code key="to">{one.Destination}</code>,
          one.Type,
          one.Name ? (
            <Link key="from" to={addressOf(["volumes", one.Name])}>
              {one.Name}
            </Link>
          ) : (
            <code key="from">{one.Source}</code>
          ),
          one.RW ? t.readWrite : t.readOnlyMount,
        ])}
      />
    </section>
  );
}

function Health({ container: { State, Config } }: TabProps) {
  const t = useWords();
  if (!State.Health) return null;
  const { Status, FailingStreak, Log } = State.Health;
  return (
    <section class="panel">
      <h2>
        {t.health}: {Status}
      </h2>
      <Facts
        rows={[
          [t.command, <code key="test">{(Config.Healthcheck?.Test ?? []).join(" ")}</code>],
          [t.healthFailing, FailingStreak || undefined],
        ]}
      />
      <TextTable
        label={t.health}
        head={[t.time, t.exitCode, t.output]}
        rows={[...(Log ?? [])]
          .reverse()
          .map(({ Start, ExitCode, Output }) => [
            formatTime(parseTime(Start)),
            ExitCode,
            <pre key="output">{Output.slice(0, 2000)}</pre>,
          ])}
      />
    </section>
  );
}

function Environment({ container: { Config } }: TabProps) {
  const t = useWords();
  const entries = (Config.Env ?? []).map((one) => /^([^=]*)=?([\s\S]*)$/.exec(one) ?? [one, one, ""]);
  if (entries.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t.environment}</h2>
      <Facts
        rows={entries.map(
          ([, name = "", value = ""]) => [name, <code key={name}>{value || " "}</code>] as const,
        )}
      />
    </section>
  );
}

function Labels({ container }: { container: ContainerInspect }) {
  const t = useWords();
  const entries = Object.entries(container.Config.Labels ?? {});
  if (entries.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t.labels}</h2>
      <Facts rows={entries.map(([name, value]) => [name, <code key={name}>{value || " "}</code>] as const)} />
    </section>
  );
}
