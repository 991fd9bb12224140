import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CheckPassword } from "../registry/authenticate.ts";
import { readPlainBody, sendJson } from "./answer.ts";
import { createAttempts } from "./attempts.ts";
import { Refusal, unauthorized } from "./refusal.ts";
import {
  cookieName,
  findCookies,
  hashOf,
  secret,
  sessionSeconds,
  type UiSession,
  type UiSessions,
} from "./sessions.ts";

export interface LoginOptions {
  sessions: UiSessions;
  isTls: boolean;
  isReadOnly: boolean;
  /** With names and passwords there is no token. */
  checkPassword: CheckPassword | undefined;
  /** Says the token that is good from now on. */
  announce(token: string): void;
}

export interface Entrance {
  /** `POST /ui/login` with `{token}` or `{name, password}`. @throws Refusal */
  enter(input: IncomingMessage, output: ServerResponse): Promise<void>;
  leave(input: IncomingMessage, output: ServerResponse): void;
  /** What may be known without a login. */
  describe(output: ServerResponse): void;
  /** The session of a request: cookie and key must both be right. @throws Refusal 401 */
  sessionOf(input: IncomingMessage, key: string | undefined): UiSession;
  /** By the cookie alone, for what another secret protects as well. @throws Refusal 401 */
  cookieSessionOf(input: IncomingMessage): UiSession;
}

export function createLogin(options: LoginOptions): Entrance {
  const { sessions, isTls, isReadOnly, checkPassword, announce } = options;
  const attempts = createAttempts();
  let token = "";
  const renewToken = () => {
    token = secret();
    announce(token);
  };
  if (!checkPassword) renewToken();

  async function isRight(fields: Record<string, unknown>, input: IncomingMessage): Promise<boolean> {
    if (!checkPassword) return typeof fields.token === "string" && isSame(fields.token, token);
    const { name, password } = fields;
    if (typeof name !== "string" || typeof password !== "string") return false;
    const gone = new AbortController();
    const leave = () => gone.abort();
    input.socket.once("close", leave);
    const client = { address: addressOf(input), signal: gone.signal };
    return checkPassword(name, password, client).finally(() => input.socket.off("close", leave));
  }

  /** More than one only where the browser was given cookies that no page of ours has set. */
  const sessionsOf = (input: IncomingMessage) => cookiesOf(input).flatMap((id) => sessions.find(id) ?? []);
  const endSessionsOf = (input: IncomingMessage) => cookiesOf(input).forEach(sessions.end);

  return {
    async enter(input, output) {
      const address = addressOf(input);
      attempts.check(address);
      const fields = await readPlainBody(input);
      // Others of this address may have failed while the body came.
      attempts.check(address);
      // Counted before it is known, or many at once would be one try.
      attempts.fail(address);
      if (!(await isRight(fields, input)))
        throw new Refusal(
          403,
          checkPassword ? "wrong name or password" : "this token is not valid, or was used",
        );
      attempts.succeed(address);
      if (!checkPassword) renewToken();
      // What the browser had before is no session of this login.
      endSessionsOf(input);
      const { session, id } = sessions.begin();
      const cookie = formatCookie(input, id, sessionSeconds, isTls);
      sendJson(output, { key: session.key, isReadOnly }, { "Set-Cookie": cookie });
    },
    leave(input, output) {
      endSessionsOf(input);
      sendJson(output, {}, { "Set-Cookie": formatCookie(input, "", 0, isTls) });
    },
    describe: (output) => sendJson(output, { hasPasswords: checkPassword !== undefined }),
    sessionOf(input, key = "") {
      const session = sessionsOf(input).find((one) => isSame(key, one.key));
      if (!session) throw unauthorized();
      return session;
    },
    cookieSessionOf(input) {
      const [session] = sessionsOf(input);
      if (!session) throw unauthorized();
      return session;
    },
  };
}

const isSame = (a: string, b: string) => timingSafeEqual(Buffer.from(hashOf(a)), Buffer.from(hashOf(b)));
const addressOf = (input: IncomingMessage) => input.socket.remoteAddress ?? "";
const cookiesOf = ({ headers }: IncomingMessage) => findCookies(headers.cookie, cookieName(headers.host));

function formatCookie({ headers }: IncomingMessage, id: string, seconds: number, isTls: boolean): string {
  const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${isTls ? "; Secure" : ""}`;
  return `${cookieName(headers.host)}=${id}; ${attributes}`;
}
