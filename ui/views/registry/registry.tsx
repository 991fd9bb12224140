import { useState } from "preact/hooks";
import { useWords } from "../../languages/language.ts";
import { useTraits } from "../../live/traits.ts";
import { Link } from "../../parts/link.tsx";
import { addressOf, setQuery, usePlace } from "../../router.ts";
import type { RegistryLogin } from "./ask.ts";
import { Repositories } from "./repositories.tsx";
import { Tags } from "./tags.tsx";

const noLogin: RegistryLogin = { user: "", password: "" };

/** What a registry holds: its repositories, then the tags of one. */
export function RegistryView() {
  const t = useWords();
  const { query } = usePlace();
  const { host = "", repository } = query;
  const [login, setLogin] = useState(noLogin);
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
        <Asking host={host} login={login} onLogin={setLogin} />
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
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onLogin(typed);
        setQuery({ host: address.trim(), repository: "" });
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
        value={typed.user}
        onInput={({ currentTarget }) => setTyped({ ...typed, user: currentTarget.value })}
      />
      <input
        type="password"
        aria-label={t.passwordOfRegistry}
        placeholder={t.loginPassword}
        autoComplete="off"
        value={typed.password}
        onInput={({ currentTarget }) => setTyped({ ...typed, password: currentTarget.value })}
      />
      <button type="submit" class="primary" disabled={address.trim() === ""}>
        {t.browse}
      </button>
    </form>
  );
}
