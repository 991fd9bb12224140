/** "localhost:5000/app:1" as repository and tag; a digest stays with the name. */
export function splitReference(name: string): { repository: string; tag: string } {
  if (name.includes("@")) return { repository: name, tag: "" };
  const [, repository = name, tag = "latest"] = /^(.+?)(?::([\w.-]+))?$/.exec(name) ?? [];
  return { repository, tag };
}

/** The registry's part of a name, as Docker decides it. */
export function registryOf(name: string): string {
  const first = name.split("/")[0] ?? "";
  return name.includes("/") && /[.:]|^localhost$/.test(first) ? first : "docker.io";
}

/** A name and password, and the registry that they are for: no other may see them. */
export interface RegistryLogin {
  host: string;
  user: string;
  password: string;
}

export const noLogin: RegistryLogin = { host: "", user: "", password: "" };

/** The login if it is for this registry. */
export const loginFor = (host: string, login: RegistryLogin): RegistryLogin =>
  login.host === host ? login : noLogin;

/** What a registry that wants a login gets by way of the engine. */
export function authHeader(name: string, login: RegistryLogin): Record<string, string> {
  const host = registryOf(name);
  const { user, password } = loginFor(host, login);
  if (user === "") return {};
  const auth = { username: user, password, serveraddress: host };
  const bytes = new TextEncoder().encode(JSON.stringify(auth));
  const text = btoa(String.fromCharCode(...bytes));
  return { "X-Registry-Auth": text.replaceAll("+", "-").replaceAll("/", "_") };
}
