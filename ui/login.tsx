import { useEffect, useState } from "preact/hooks";
import { call, get } from "./api/call.ts";
import { textOf } from "./api/failure.ts";
import { useWords } from "./languages/language.ts";
import { loginFields } from "./login-fields.ts";
import { session, sessionKey } from "./session.ts";

/** The token comes in the address's fragment, which no server and no log ever sees. */
const givenToken = () => /^#([\w-]{20,100})$/.exec(location.hash)?.[1];

export function Login() {
  const t = useWords();
  const [hasPasswords, setPasswords] = useState(false);
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function enter(fields: Record<string, string>): Promise<void> {
    setBusy(true);
    try {
      const { key, isReadOnly } = await call<{ key: string; isReadOnly: boolean }>("POST", "/ui/login", {
        body: fields,
      });
      session.set({ isReadOnly });
      sessionKey.set(key);
    } catch (error) {
      setFailure(textOf(error));
    }
    setBusy(false);
  }

  useEffect(() => {
    get<{ hasPasswords: boolean }>("/ui/login").then(
      (found) => setPasswords(found.hasPasswords),
      (error: unknown) => setFailure(textOf(error)),
    );
    const token = givenToken();
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    if (token) void enter({ token });
  }, []);

  return (
    <main class="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter(loginFields(new FormData(event.currentTarget)));
        }}
      >
        <h1>
          <img src="/icon.svg" alt="" width="28" height="28" /> berth
        </h1>
        <p class="muted">{t.loginIntro}</p>
        {hasPasswords ? <PasswordFields /> : <TokenField />}
        {failure && (
          <p class="failure" role="alert">
            {failure}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {t.logIn}
        </button>
      </form>
    </main>
  );
}

function PasswordFields() {
  const t = useWords();
  return (
    <>
      <Field name="name" label={t.loginName} type="text" complete="username" />
      <Field name="password" label={t.loginPassword} type="password" complete="current-password" />
    </>
  );
}

function TokenField() {
  const t = useWords();
  return (
    <>
      <Field name="token" label={t.loginToken} type="password" complete="off" />
      <p class="muted">{t.loginTokenHint}</p>
    </>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type: "text" | "password";
  complete: string;
}

function Field({ name, label, type, complete }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      {type === "password" ? (
        <input name={name} type="password" autoComplete={complete} required />
      ) : (
        <input name={name} type="text" autoComplete={complete} required />
      )}
    </label>
  );
}
