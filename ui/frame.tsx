import type { ComponentChildren } from "preact";
import { call } from "./api/call.ts";
import { language, languages, useWords, type Words } from "./languages/language.ts";
import { containers } from "./live/containers.ts";
import { connection, lossReason } from "./live/events.ts";
import { useTraits } from "./live/traits.ts";
import { Icon, type IconName } from "./parts/icon.tsx";
import { Link } from "./parts/link.tsx";
import { usePlace } from "./router.ts";
import { forgetSession, session, sessionKey } from "./session.ts";
import { useStore } from "./store.ts";
import { theme } from "./theme.ts";

const rooms = [
  "overview",
  "containers",
  "projects",
  "images",
  "networks",
  "volumes",
  "registry",
  "engine",
] as const satisfies readonly (IconName & keyof Words)[];

/** What is around every view. */
export function Frame({ children }: { children: ComponentChildren }) {
  const t = useWords();
  return (
    <div class="frame">
      <a class="skip" href="#content">
        {t.skipToContent}
      </a>
      <Side />
      <main id="content" tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
    </div>
  );
}

function Side() {
  const t = useWords();
  const { parts } = usePlace();
  const count = useStore(containers)?.filter(({ State }) => State === "running").length;
  const isReadOnly = useStore(session)?.isReadOnly;
  // Docker's own engine does not look into registries, and in read-only mode none does.
  const hasRegistry = (useTraits()?.isBerth ?? false) && !isReadOnly;
  return (
    <header class="side">
      <Link to="/" class="brand">
        <img src="/icon.svg" alt="" width="22" height="22" /> berth
      </Link>
      <nav aria-label={t.mainMenu}>
        {rooms
          .filter((room) => hasRegistry || room !== "registry")
          .map((room) => (
            <Link
              key={room}
              to={room === "overview" ? "/" : `/${room}`}
              isCurrent={(parts[0] ?? "overview") === room}
            >
              <Icon name={room} />
              <span>{t[room]}</span>
              {room === "containers" && count !== undefined && <small>{count}</small>}
            </Link>
          ))}
      </nav>
      <div class="side-foot">
        {isReadOnly && (
          <span class="badge" title={t.readOnlyHint}>
            <Icon name="lock" /> {t.readOnly}
          </span>
        )}
        <Choices />
        <button type="button" class="quiet" onClick={() => void leave()}>
          <Icon name="leave" /> {t.logOut}
        </button>
      </div>
    </header>
  );
}

async function leave(): Promise<void> {
  const key = sessionKey.get();
  await call("POST", "/ui/logout", { body: {} }).catch(() => undefined);
  forgetSession(key);
}

function Choices() {
  const t = useWords();
  const chosen = useStore(language);
  const look = useStore(theme);
  return (
    <div class="choices">
      <select
        aria-label={t.languageName}
        value={chosen}
        onChange={({ currentTarget }) => language.set(currentTarget.value === "zh" ? "zh" : "en")}
      >
        {Object.entries(languages).map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label={t.theme}
        value={look}
        onChange={({ currentTarget: { value } }) =>
          theme.set(value === "light" || value === "dark" ? value : "auto")
        }
      >
        <option value="auto">{t.themeAuto}</option>
        <option value="light">{t.themeLight}</option>
        <option value="dark">{t.themeDark}</option>
      </select>
    </div>
  );
}

function ConnectionBanner() {
  const t = useWords();
  const state = useStore(connection);
  const reason = useStore(lossReason);
  if (state !== "lost") return null;
  return (
    <div class="banner" role="alert">
      {t.connectionLost} {reason && <span class="muted">{reason}</span>}
    </div>
  );
}
