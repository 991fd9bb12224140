export type Area = "parameter" | "member" | "command" | "flag" | "daemon";

/** What is read only to be refused. */
type Refused = "refused";

/** Why something of Docker's is not here: of which subjects and words. */
const reasons: readonly [area: Area, subject: RegExp, word: RegExp, reason: string, refused?: Refused][] = [
  ["parameter", /^GET \/plugins$/, /./, "there are none to choose from"],
  ["parameter", /\/start$/, /^detachKeys$/, "a start attaches nothing"],
  ["parameter", /\/start$/, /^checkpoint/, "no checkpoints", "refused"],
  ["parameter", /^GET \/images\/json$/, /^digests$/, "they are always in the answer"],
  ["parameter", /^POST \/build$/, /^(force)?rm$/, "no step leaves a container behind"],
  ["parameter", /^POST \/build$/, /^squash$/, "of the experimental mode alone", "refused"],
  ["parameter", /^POST \/build$/, /^isolation$/, "Windows"],
  ["parameter", /^POST \/build$/, /^securityopt$/, "BuildKit has none of it either"],
  ["command", /^checkpoint$/, /./, "no checkpoints"],
  ["command", /^volume$/, /update$/, "no swarm"],
  ["command", /^plugin$/, /./, "no plugins of the engine"],
  ["command", /^(swarm|node|service|stack|secret|config)$/, /./, "no swarm"],
  ["flag", /^(image|builder) build$/, /^isolation$/, "Windows"],
  ["flag", /^(image|builder) build$/, /^(cpu|memory|security-opt|squash)/, "of the classic builder alone"],
  ["daemon", /./, /containerd/, "there is no containerd"],
  ["daemon", /./, /^userland-proxy/, "there are no proxy processes"],
  ["daemon", /./, /^(swarm-|node-generic|network-control)/, "no swarm"],
  ["daemon", /./, /^storage-/, "overlay is the one driver"],
  [
    "daemon",
    /./,
    /^(ip6?tables|firewall-backend|bridge-accept-fwmark)$/,
    "rules are in an nftables table of berth's own",
  ],
  ["daemon", /./, /^live-restore$/, "it is always so"],
  ["daemon", /./, /^shutdown-timeout$/, "each container's own time counts"],
  ["daemon", /./, /^rootless$/, "the engine is root's"],
  ["daemon", /./, /^selinux-enabled$/, "no SELinux"],
  ["daemon", /./, /^authorization-plugin$/, "no plugins of the engine"],
  ["daemon", /./, /^pidfile$/, "a lock in the data root says who has it"],
  ["daemon", /./, /^group$/, "a socket is the group `berth`'s where there is one, or what systemd says"],
  ["daemon", /./, /^version$/, "`berth version` tells it"],
  ["daemon", /./, /^experimental$/, "nothing is"],
  ["daemon", /./, /^(log-format|raw-logs)$/, "the log is JSON, a line each"],
  ["daemon", /./, /^(cpu-rt-)/, "no real-time scheduling of all containers together"],
  ["daemon", /./, /^init-path$/, "it is Debian's tini"],
];

const used = new Set<string>();

/** @param isRead whether its name is among what the code knows */
export function reasonFor(area: Area, subject: string, word: string, isRead: boolean): string | undefined {
  const found = reasons.find(
    ([one, subjects, words, , refused]) =>
      one === area && subjects.test(subject) && words.test(word) && (!isRead || refused === "refused"),
  );
  if (found) used.add(found[3] + found[2].source);
  return found?.[3];
}

/** Reasons for what is there by now. */
export const unusedReasons = (): string[] =>
  reasons
    .filter(([, , word, reason]) => !used.has(reason + word.source))
    .map(([area, , word, reason]) => `${area}: ${word.source}: ${reason}`);
