import { invalid } from "../errors.ts";

/** What `--security-opt` says. */
export interface SecurityOptions {
  /** Undefined where nothing is said of it. */
  noNewPrivileges: boolean | undefined;
  /** "default", "unconfined" or a profile in Docker's JSON. Undefined where nothing is said of it. */
  seccomp: string | undefined;
  apparmorProfile: string | undefined;
  systemPathsUnconfined: boolean;
}

/** Parses HostConfig.SecurityOpt. @throws EngineError invalid */
export function parseSecurityOptions(options: string[]): SecurityOptions {
  const result: SecurityOptions = {
    noNewPrivileges: undefined,
    seccomp: undefined,
    apparmorProfile: undefined,
    systemPathsUnconfined: false,
  };
  for (const option of options) {
    const [, name, value] = /^([^=:]+)(?:[=:]([\s\S]*))?$/.exec(option) ?? [];
    if (name === "no-new-privileges") result.noNewPrivileges = parseFlag(option, value);
    else if (name === "seccomp" && value) result.seccomp = value === "builtin" ? "default" : value;
    else if (name === "apparmor" && value) result.apparmorProfile = value;
    else if (name === "systempaths" && value === "unconfined") result.systemPathsUnconfined = true;
    else if (name === "label") requireDisabledLabel(option, value);
    else throw invalid(`invalid --security-opt 2: "${option}"`);
  }
  return result;
}

function parseFlag(option: string, value: string | undefined): boolean {
  if (value === undefined || value === "true") return true;
  if (value === "false") return false;
  throw invalid(`invalid --security-opt 2: "${option}"`);
}

/** There is no SELinux support, so the only label that can be honoured is none. */
function requireDisabledLabel(option: string, value: string | undefined): void {
  if (value !== "disable") throw invalid(`not yet supported: --security-opt ${option} (SELinux labels)`);
}
