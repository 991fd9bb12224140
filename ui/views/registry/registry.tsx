import { useEffect, useState } from "preact/hooks";
import { useWords } from "../../languages/language.ts";
import { useTraits } from "../../live/traits.ts";
import { Link } from "../../parts/link.tsx";
import { addressOf, go, usePlace } from "../../router.ts";
import { loginFor, noLogin, type RegistryLogin } from "../images/reference.ts";
import { Repositories } from "./repositories.tsx";
import { Tags } from "./tags.tsx";

/** What a registry holds: its repositories, then the tags of one. */
export function RegistryView() {
  const t = useWords();
  const { query } = usePlace();
  const { host = "", repository } = query;
  const [given, setGiven] = useState(noLogin);
  const login = loginFor(host, given);
  const isBerth = useTraits()?.isBerth ?? true;
  return (
    <section class="view">
      <header class="view-head">
        <h1>
          {host && repository ? (
            <>
              <Link to={addressOf(["registry"], { host })} class="crumb">
                {host}
              </Link>{" "}
              <span class="crumb">/</span> {repository}
            </>
          ) : (
            t.registry
          )}
        </h1>
      </header>
      {isBerth ? (
        <Asking host={host} login={login} onLogin={setGiven} />
      ) : (
        <p class="empty">{t.notThisEngine}</p>
      )}
      {isBerth && host && !repository && <Repositories key={host} host={host} login={login} />}
      {isBerth && host && repository && (
        <Tags key={`${host}/${repository}`} host={host} repository={repository} login={login} />
      )}
    </section>
  );
}

interface AskingProps {
  host: string;
  login: RegistryLogin;
  onLogin(login: RegistryLogin): void;
}

function Asking({ host, login, onLogin }: AskingProps) {
  const t = useWords();
  const [address, setAddress] = useState(host);
  const [typed, setTyped] = useState(login);
  // Also by Back and Forward. The form stays, and with it the focus.
  useEffect(() => setAddress(host), [host]);
  const asked = address.trim();
  // What was typed for one registry is not for the next.
  const shown = { ...loginFor(asked, typed), host: asked };
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onLogin(shown);
        const target = addressOf(["registry"], { host: asked });
        if (target !== location.pathname + location.search) go(target);
      }}
    >
      <input
        type="text"
        aria-label={t.registryAddress}
        placeholder={t.registryHint}
        value={address}
        onInput={({ currentTarget }) => setAddress(currentTarget.value)}
      />
      <input
        type="text"
        aria-label={t.userName}
        placeholder={t.userName}
        autoComplete="off"
        value={shown.user}
        onInput={({ currentTarget }) => setTyped({ ...shown, user: currentTarget.value })}
      />
      <input
        type="password"
        aria-label={t.passwordOfRegistry}
        placeholder={t.loginPassword}
        autoComplete="off"
        value={shown.password}
        onInput={({ currentTarget }) => setTyped({ ...shown, password: currentTarget.value })}
      />
      <button type="submit" class="primary" disabled={asked === ""}>
        {t.browse}
      </button>
    </form>
  );
}
