/** A difference that is meant: of which lines, what it is to the letter, and why. */
export type Explanation = {
  /** What is typed, for people. */
  about: string;
  /** The lines, as they are in the list. */
  line: RegExp;
  reason: string;
} & (
  | {
      /** What makes both the same, once it is replaced in what either says; nothing else may differ. */
      alike: readonly (readonly [pattern: RegExp, by: string])[];
    }
  | {
      /** The whole of what each says: exit code, output and errors, a line each and none for what is empty. */
      ours: RegExp;
      theirs: RegExp;
    }
);

/** What a `create` that went well shows of the container. */
const created = '0\\nnull \\["true"\\] [^\\n]*';
const createdWith = (rest = "") => new RegExp(`^${created}${rest}$`);
const create = (flag: string) => new RegExp(`^\\{\\} create --name sweep-it ${flag} busybox true `);
const ports = "the words are those of a newer version of the library that reads ports";

export const explanations: readonly Explanation[] = [
  {
    about: "`create --storage-opt`",
    line: /^\{\} create (--name sweep-it --storage-opt=size=1g) busybox/,
    ours: /^1\nError response from daemon: --storage-opt size needs project quotas: /,
    theirs: /^1\nError response from daemon: --storage-opt is supported only for overlay over xfs/,
    reason: "ext4 can limit containers too, and what the file system lacks is said",
  },
  {
    about: "`container --help`, `image --help`, `system --help`",
    line: /^\{\} (container|image|system)( --| --help)?$/,
    alike: [
      [/\s+enter Open a shell in a running container, also where its image has none/, ""],
      [/\s+explore Show what each layer of an image changes, and what wastes space/, ""],
      [/\s+make Make a base image from what this machine has: busybox, debian\[:suite\], registry or ui/, ""],
      [/\s+check Compare the engine's records with the system, and repair what differs/, ""],
      [/\s+install Have systemd run the engine/, ""],
      [/\s+stop Stop the engine; containers run on unless told otherwise/, ""],
      [/Show docker disk usage/, "Show Docker disk usage"],
    ],
    reason: "there are commands besides docker's",
  },
  {
    about: "`volume --help`",
    line: /^\{\} volume( --| --help)?$/,
    alike: [
      [/\. You cannot remove a volume that is in use by a container\./, ""],
      [/\s+update Update a volume \(cluster volumes only\)/, ""],
      [/\s+clone Make a new volume with the content of another/, ""],
      [/\s+export Export a volume's content as a tar archive/, ""],
      [/\s+import Make a new volume with the content of a tar archive/, ""],
      [/\s+rename Rename a volume that no container has/, ""],
    ],
    reason:
      "there are commands besides docker's, which hides those of a swarm as long as there is none, and shortens a sentence",
  },
  {
    about: "`volume ls --help`",
    line: /^\{\} volume ls --help$/,
    alike: [[/\s+--size Display what the volumes' content takes/, ""]],
    reason: "there is a flag besides docker's",
  },
  {
    about: "`system df --help`",
    line: /^\{\} system df --help$/,
    alike: [[/Show docker disk usage/, "Show Docker disk usage"]],
    reason: "the engine's name has a capital letter",
  },
  {
    about: "`logout --help`",
    line: /^\{\} logout --help$/,
    alike: [
      [/ registry Without a server, Docker Hub\./, ""],
      [/ registry\. If no server is specified, the default is defined by the daemon\./, ""],
    ],
    reason: "the command itself knows the default, which is not the daemon's",
  },
  {
    about: "`nosuch --help`",
    line: /^\{\} nosuch --help$/,
    ours: /^1\ndocker: unknown command: docker nosuch Run 'docker --help' for more information$/,
    theirs: /^0\nUsage: docker \[OPTIONS\] COMMAND /,
    reason: "a command that is none is no success, with `--help` or without",
  },
  {
    about: "a command with too many arguments",
    line: /^\{\} (images|logout|image ls|volume create) nosuch other$/,
    alike: [[/^SRun '/m, "Run '"]],
    reason: "docker's message has a stray letter",
  },
  {
    about: "`version`, `--version`",
    line: /^\{\} (version( --)?|--version)$/,
    ours: /^0\n(Docker version \d+\.\d+\.\d+|Client: Docker\n Version: \d+\.\d+\.\d+\n API version: 1\.\d+\n Node version: [\s\S]*)$/,
    theirs:
      /^0\n(Docker version 28\.5\.2\S*, build \w+|Client:\n Version: 28\.5\.2\S*\n API version: 1\.51\n Go version: [\s\S]*)$/,
    reason: "another program, of another version",
  },
  {
    about: "`version --format` with a field that is none",
    line: /^\{\} version --format '\{\{\.Nosuch\}\}'$/,
    alike: [[/template: (version)?:1:2: executing "(version)?"/, "template"]],
    reason: "docker names this template, and no other",
  },
  {
    about: "`network rm` of what cannot be removed",
    line: /^\{\} network rm /,
    alike: [[/\nexit status 1$/, ""]],
    reason: "docker adds its own exit status to the errors, which helps no user",
  },
  {
    about: "`-H nosuch://x`",
    line: /^\{\} -H nosuch:\/\/x ps$/,
    ours: /^1\nunable to parse docker host `nosuch:\/\/x`: protocol nosuch is not supported$/,
    theirs:
      /^1\nFailed to initialize: unable to resolve docker endpoint: invalid bind address format: nosuch:\/\/x$/,
    reason: "the message says what is wrong with the address",
  },
  {
    about: "`load` of nothing",
    line: /^\{\} load <\/dev\/null$/,
    ours: /^1\ninvalid archive: does not contain a manifest\.json$/,
    theirs: /^1\nopen \S+\/docker-import-\d+\/repositories: no such file or directory$/,
    reason: "docker names a file of its own where it misses the archive's",
  },
  {
    about: "`load` and `import` of what is no archive",
    line: /^echo abc \| \{\} (load|import -)$/,
    alike: [[/unexpected EOF: the archive is truncated$/, "unexpected EOF"]],
    reason: "the message says what it is the end of",
  },
  {
    about: "`load -i` of a directory",
    line: /^\{\} load -i \/etc$/,
    alike: [[/error during connect: Post "\S+\/images\/load\?quiet=1": /, ""]],
    reason: "it is the file that cannot be read, not the connection",
  },
  {
    about: "`cp` of what is not there",
    line: /^\{\} cp \/nosuch made:\/x$/,
    alike: [[/lstat \/\/nosuch:/, "lstat /nosuch:"]],
    reason: "docker doubles the slash",
  },
  {
    about: "an image that has to be pulled, where no registry can be reached",
    line: /^\{\} create (nosuch:tag --pull never$|--name sweep-it --platform=linux\/foobar )/,
    alike: [
      [
        /Get "https:\/\/registry-1\.docker\.io\/v2\/\S*": dial tcp: lookup registry-1\.docker\.io[^\n]*/,
        "offline",
      ],
    ],
    reason: "docker asks the registry for its version first, and names its own resolver",
  },
  {
    about: "`--disable-content-trust=false`",
    line: create("--disable-content-trust=false"),
    ours: createdWith(),
    theirs: /^1\nWARNING: Docker is retiring DCT [\s\S]*error contacting notary server: [^\n]*$/,
    reason: "content trust is being retired, and is not here",
  },
  {
    about: "`--blkio-weight` on a kernel with the BFQ scheduler",
    line: create("--blkio-weight=500"),
    alike: [
      [
        /\nWARNING: Your kernel does not support Block I\/O weight or the cgroup is not mounted\. Weight discarded\.$/,
        "",
      ],
    ],
    reason: "the weight is given in that scheduler's own file, which docker does not know",
  },
  {
    about: "`--blkio-weight` out of range on such a kernel",
    line: create("--blkio-weight=(5|1001)"),
    ours: /^1\nError response from daemon: Range of blkio weight is from 10 to 1000$/,
    theirs: createdWith(
      "\\nWARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted\\. Weight discarded\\.",
    ),
    reason: "the weight is given in that scheduler's own file, which docker does not know",
  },
  {
    about: "`system df`",
    line: /^\{\} system df( --)?$/,
    alike: [[/^(Images .*) \(\d+%\)$/m, "$1"]],
    reason: "the size is what the store takes on the disk; docker's is that of the layers alone",
  },
  {
    about: "`run --init`",
    line: /^\{\} run --rm --init busybox sh -c 'echo \$\$'$/,
    alike: [[/^0\n\d+$/, "0\nnumber"]],
    reason: "which number init's child has is the OCI runtime's business",
  },
  {
    about: "`update --help`",
    line: /^\{\} (container )?update --help$/,
    alike: [
      [
        / --publish-add list Publish another of the container's ports, as run's --publish, without a restart/,
        "",
      ],
      [/ --publish-rm list Take a published port of the host away: \[IP:\]PORT\[\/PROTOCOL\]/, ""],
    ],
    reason: "there are flags besides docker's",
  },
  {
    about: "/etc/resolv.conf in a container",
    line: / busybox cat \/etc\/resolv\.conf$/,
    alike: [
      [/^# [^\n]*\n/gm, ""],
      [/^\n/gm, ""],
      [/\n+# [^\n]*$/, ""],
    ],
    reason: "the comments name this engine",
  },
  {
    about: "a command that is not there, or a directory",
    line: /^\{\} (exec box (nosuch|\/etc)|run (--rm busybox (nosuch|\/etc)$|busybox --rm >))/,
    alike: [
      [/: unknown$/m, ""],
      [/is a directory: permission denied$/m, "permission denied"],
    ],
    reason: "docker has had these words for years; the peer's containerd leaves some of them out",
  },
  {
    about: "`exec` of an empty command",
    line: /^\{\} exec box ''$/,
    ours: /^126\nOCI runtime exec failed: .*: exec: "": is a directory: permission denied: unknown$/,
    theirs: /^127\nOCI runtime exec failed: .*: exec: "": executable file not found in \$PATH$/,
    reason: "crun's words and exit code, where runc has others",
  },
  {
    about: "`exec -w` of a directory that is not there, or has no absolute path",
    line: /^\{\} exec -w (\/nosuch|rel) box pwd$/,
    ours: /^126\nOCI runtime exec failed: exec failed: unable to start container process: chdir `(\/nosuch|rel)`: No such file or directory$/,
    theirs:
      /^12[78]\nOCI runtime exec failed: exec failed: (unable to start container process: chdir to cwd \("\/nosuch"\) set in config\.json failed: no such file or directory|Cwd must be an absolute path)$/,
    reason: "crun's words and exit code, where runc has others",
  },
  {
    about: "`run -v` of a file onto a directory",
    line: /^\{\} run --rm -v \/etc\/hostname:\/etc busybox true$/,
    ours: /^125\ndocker: .*failed to create task for container: mount `\/etc\/hostname` to `etc`: Not a directory\n\nRun /,
    theirs:
      /^125\ndocker: .*failed to create task for container: .*error mounting "\/etc\/hostname" to rootfs at "\/etc": .*not a directory: .*\n\nRun /,
    reason: "crun's words, where runc has others",
  },
  {
    about: "`--expose` of a range that runs backwards, or of nothing",
    line: create("--expose=(90-80|'')"),
    alike: [
      [/Invalid range specified for the Port:/, "invalid range specified for port:"],
      [/Empty string specified for ports\./, "empty string specified for ports"],
    ],
    reason: ports,
  },
  {
    about: "`--publish` of what is no port",
    line: create("--publish=(8000-8002:80-81|abc|80-|aa80:80|8080:80/foo|70000:80|80:70000|'')"),
    alike: [
      [/docker: Invalid (ranges|containerPort|hostPort|proto)/, "docker: invalid $1"],
      [/docker: No port specified/, "docker: no port specified"],
    ],
    reason: ports,
  },
  {
    about: "`--publish` of what is no address",
    line: create("--publish=(1\\.2\\.3:80:80|80:80:80:80)"),
    alike: [
      [/Invalid ip address:/, "invalid IP address:"],
      [/Invalid ip address (80:80): address 80:80:: too many colons in address/, "invalid IP address: $1"],
    ],
    reason: ports,
  },
  {
    about: "`--log-opt` with a size or a number that is none",
    line: create("--log-opt=max-(size|file)=(0|abc)"),
    ours: /^1\nError response from daemon: failed to initialize logging driver: (max-size must be a positive number|invalid size: 'abc'|max-file cannot be less than 1|strconv\.Atoi: parsing "abc": invalid syntax)$/,
    theirs: createdWith(),
    reason: "it is refused when the container is made; docker's fails at each start",
  },
  {
    about: "`--ipc=container:` without a container",
    line: create("--ipc=container:"),
    ours: /^1\nError response from daemon: invalid IPC mode: container:$/,
    theirs: createdWith(),
    reason: "it is refused when the container is made; docker's fails at each start",
  },
  {
    about: "`--tmpfs` with an option that is none",
    line: create("--tmpfs=/a:nosuch"),
    ours: /^1\nError response from daemon: invalid tmpfs option \["nosuch"\]$/,
    theirs: createdWith(),
    reason: "it is refused when the container is made; docker's fails at each start",
  },
  {
    about: "sizes of more than 64 bits",
    line: create("--(memory|memory-reservation|memory-swap|shm-size)=9{20}"),
    ours: /^1\nError response from daemon: invalid JSON: json: cannot unmarshal number 1[0]{20} into Go struct field \.HostConfig\.(Memory|MemoryReservation|MemorySwap|ShmSize) of type int64$/,
    theirs: new RegExp(
      `^(1\\nError response from daemon: (Minimum memory limit allowed is SIZE|SHM size can not be less than 0)|${created})$`,
    ),
    reason: "too large a number is refused; docker's command makes another number of it, below zero",
  },
  {
    about: "`system prune` with labels in config.json's `pruneFilters`",
    line: /"pruneFilters":\["label!=keep".* system prune /,
    alike: [[/\n Items to be pruned will be filtered with:(\n - [^\n]+)+\n/, ""]],
    reason:
      "docker 28.5 forgets a label of the file where the line has none of the contrary kind, and removes what it was to keep; 26 did not",
  },
  {
    about: "`run` with a `detachKeys` in config.json that is none",
    line: /"detachKeys":"nonsense".* run /,
    ours: /^\d+\nError response from daemon: Invalid detach keys \(nonsense\) provided$/,
    theirs: /^\d+\nunable to upgrade to tcp, received 400$/,
    reason: "the message says what is wrong",
  },
  {
    about: "a config.json that is no JSON",
    line: /'\{broken'/,
    alike: [
      [/Expected property name or '\}' in JSON at position 1 \(line 1 column 2\)/, "it is broken"],
      [/invalid character 'b' looking for beginning of object key string/, "it is broken"],
    ],
    reason: "the words are those of another reader of JSON",
  },
];
