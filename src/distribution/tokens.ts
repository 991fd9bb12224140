import { EngineError, invalid, unavailable } from "../errors.ts";
import { type Challenge, parseChallenges } from "../formats/auth-challenge.ts";
import { parseJson } from "../formats/json.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import { createSharedWork } from "../sys/shared-work.ts";
import type { Connection, DocumentResponse, Transport } from "./connection.ts";
import { describeRegistryError, readRefusal } from "./registry-error.ts";

/** How a user gets in at one registry. */
export interface Authorizer {
  /** The `Authorization` header for these scopes, as far as it is known what the registry wants. */
  headers(scopes: readonly string[]): Record<string, string>;
  /**
   * Takes the challenges of an answer 401 and gets what they want. False when there is nothing more to try: the credentials
   * were refused, or there are none. @throws EngineError in Docker's words
   */
  answer(refused: Refused, scopes: readonly string[], signal?: AbortSignal): Promise<boolean>;
  /** What a token server gave at login in the password's stead. */
  readonly identityToken: string | undefined;
}

/** An answer 401, and what was asked with: `headers` of the moment. */
export interface Refused {
  response: DocumentResponse;
  sent: Readonly<Record<string, string>>;
}

const clientId = "docker";
const shortestLifeSeconds = 60;
/** A token is not used in the last moments of its life. */
const marginSeconds = 10;

/** Distribution's token authentication and HTTP's Basic. `isLogin` asks for an identity token as well. */
export function createAuthorizer(
  transport: Transport,
  connection: Connection,
  auth: RegistryAuth,
  isLogin = false,
): Authorizer {
  const tokens = new Map<string, { header: string; expires: number }>();
  const asking = createSharedWork<undefined, void>();
  let basic: string | undefined;
  let { identityToken } = auth;

  async function getToken(challenge: Challenge, scopes: readonly string[], signal: AbortSignal) {
    const { realm, service = "" } = challenge.parameters;
    const url = URL.canParse(realm ?? "") ? new URL(realm!) : undefined;
    if (!url || !/^https?:$/.test(url.protocol))
      throw unavailable(`${connection.origin}: invalid token server address ${JSON.stringify(realm ?? "")}`);
    const isSecret = Boolean(auth.username || auth.password || identityToken);
    if (isSecret && url.protocol === "http:" && connection.origin.startsWith("https:"))
      throw unavailable(`${url.origin}: this token server would get the password unencrypted`);
    // The certificate is for the registry; the host of the token server gets the credentials, since that is what it is for.
    const { certificate: _certificate, key: _key, ...tls } = connection.tls;
    const there = url.origin === connection.origin ? connection : { ...connection, origin: url.origin, tls };
    const wanted = scopes.length > 0 ? scopes : splitScopes(challenge.parameters.scope);
    const response = identityToken
      ? await transport.request(there, refreshToken(url, service, wanted, identityToken), signal)
      : await transport.request(there, askForToken(url, service, wanted, { auth, isLogin }), signal);
    if (response.status !== 200) throw refusal(response);
    keep(parseJson(response.body.toString(), `answer of ${url.origin}`), keyOf(scopes));
  }

  function keep(answer: Record<string, unknown>, key: string): void {
    const token = answer.access_token ?? answer.token;
    if (typeof token !== "string" || token === "" || /[\r\n]/.test(token))
      throw unavailable("authorization server did not include a token in the response");
    if (typeof answer.refresh_token === "string" && answer.refresh_token !== "")
      identityToken = answer.refresh_token;
    const lifeSeconds = Math.max(shortestLifeSeconds, Number(answer.expires_in) || 0);
    const expires = performance.now() + (lifeSeconds - marginSeconds) * 1000;
    tokens.set(key, { header: `Bearer ${token}`, expires });
  }

  return {
    headers(scopes): Record<string, string> {
      if (auth.registryToken) return { authorization: `Bearer ${auth.registryToken}` };
      if (basic) return { authorization: basic };
      const token = tokens.get(keyOf(scopes));
      return token && token.expires > performance.now() ? { authorization: token.header } : {};
    },
    async answer({ response, sent }, scopes, signal) {
      const challenges = parseChallenges(response.headers["www-authenticate"] ?? "");
      const bearer = challenges.find(({ scheme }) => scheme === "bearer");
      const key = keyOf(scopes);
      if (bearer) {
        // Many requests may learn at the same time that they need the same token.
        const ask = (own: AbortSignal) => ({ state: undefined, done: getToken(bearer, scopes, own) });
        await asking.join(key, signal ?? new AbortController().signal, ask, () => {});
        return true;
      }
      if (!challenges.some(({ scheme }) => scheme === "basic")) return false;
      if (!auth.username) throw new EngineError("unauthorized", "no basic auth credentials");
      // Another request may have learned meanwhile what this one did not say yet.
      if (basic) return sent.authorization !== basic;
      if (/[\r\n]/.test(auth.username)) throw invalid("invalid user name");
      basic = basicHeader(auth);
      return true;
    },
    get identityToken() {
      return identityToken;
    },
  };
}

/** Distribution's token authentication. */
function askForToken(
  url: URL,
  service: string,
  scopes: readonly string[],
  { auth, isLogin }: { auth: RegistryAuth; isLogin: boolean },
) {
  const address = new URL(url);
  if (service) address.searchParams.set("service", service);
  for (const scope of scopes) address.searchParams.append("scope", scope);
  if (auth.username) address.searchParams.set("account", auth.username);
  if (isLogin) {
    address.searchParams.set("offline_token", "true");
    address.searchParams.set("client_id", clientId);
  }
  const headers: Record<string, string> = auth.username ? { authorization: basicHeader(auth) } : {};
  return { method: "GET" as const, url: address.href, headers };
}

/** OAuth 2 (RFC 6749, 6). */
function refreshToken(url: URL, service: string, scopes: readonly string[], token: string) {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: token,
    service,
    client_id: clientId,
    scope: scopes.join(" "),
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST" as const, url: url.href, headers, body: form.toString() };
}

const basicHeader = ({ username = "", password = "" }: RegistryAuth) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const keyOf = (scopes: readonly string[]) => [...scopes].sort().join(" ");

function splitScopes(text: string | undefined): string[] {
  return (text ?? "").split(" ").filter(Boolean);
}

/** What a token server says is the user's only clue, so all of it is passed on. */
function refusal({ status, body, url }: DocumentResponse): EngineError {
  const error = describeRegistryError(status, body.toString(), `GET "${url.split("?")[0]}"`);
  if (status !== 401 && status !== 403) return error;
  const { listed, text } = readRefusal(body.toString());
  if (listed.length > 0) return new EngineError("unauthorized", listed.join("\n"));
  const reason = text === "" ? "incorrect username or password" : text;
  return new EngineError("unauthorized", `${status === 401 ? "unauthorized" : "denied"}: ${reason}`);
}
