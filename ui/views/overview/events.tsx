import type { EventMessage } from "../../../src/formats/docker-api/docker-api-system.ts";
import { formatClock } from "../../formats/time.ts";
import { useWords } from "../../languages/language.ts";
import { recentEvents } from "../../live/events.ts";
import { Link } from "../../parts/link.tsx";
import { addressOf } from "../../router.ts";
import { useStore } from "../../store.ts";

const mostShown = 60;

/** What happened since the page was opened, the newest first. */
export function Events() {
  const t = useWords();
  const events = useStore(recentEvents).slice(0, mostShown);
  return (
    <section class="panel">
      <h2>{t.recentEvents}</h2>
      {events.length === 0 && <p class="muted">{t.noEvents}</p>}
      <ol class="events" aria-label={t.recentEvents}>
        {events.map((event) => (
          <li key={`${event.timeNano}${event.Actor.ID}${event.Action}`}>
            <time class="muted">{formatClock(new Date(event.time * 1000))}</time>
            <span class="muted">{event.Type}</span>
            <Subject event={event} />
            <span>{event.Action}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const rooms: Record<string, string> = {
  container: "containers",
  image: "images",
  network: "networks",
  volume: "volumes",
};

function Subject({ event: { Type, Actor } }: { event: EventMessage }) {
  const name = Actor.Attributes.name ?? Actor.ID.replace(/^(?:sha256:)?([0-9a-f]{12})[0-9a-f]{52}$/, "$1");
  const room = rooms[Type];
  return room ? (
    <Link to={addressOf([room, Type === "container" ? Actor.ID.slice(0, 12) : Actor.ID])}>{name}</Link>
  ) : (
    <span>{name}</span>
  );
}
