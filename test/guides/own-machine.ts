import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkGone, takeFootprint } from "../footprint.ts";

const root = join(import.meta.dirname, "../..");

/**
 * A machine of its own as far as an engine can tell: its mounts, links and processes, and with /usr, /etc and /run that it may write to.
 * There the engine is installed under Docker's names, and started by its unit's own line with the unit's own sockets.
 */
const machine = `
folder=$1 node=$2 root=$3 name=$4 part=$5
ip link set lo up
mkdir "$folder/own" && mount -t tmpfs own "$folder/own"
for tree in etc usr; do
  mkdir "$folder/own/$tree" "$folder/own/$tree.work"
  mount -t overlay -o "lowerdir=/$tree,upperdir=$folder/own/$tree,workdir=$folder/own/$tree.work" overlay /$tree
done
mount -t tmpfs -o mode=755 run /run
mkdir "$folder/data" "$folder/home" /run/lock && mkdir -p /var/lib/berth && mount --bind "$folder/data" /var/lib/berth
rm -f /usr/bin/docker* /usr/local/bin/docker /usr/sbin/dockerd /etc/systemd/system/docker.* /usr/lib/systemd/system/docker.*
mkdir "$folder/all" && mount --rbind / "$folder/all"
export HOME="$folder/home"
unset DOCKER_HOST BERTH_HOST DOCKER_CONFIG
"$root/berth" system install --as-docker --root "$folder/all" >"$folder/installed"
umount -l "$folder/all"
engine=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/berth.service)
mkdir -p -m 0711 /run/berth
export BERTH_CGROUP_PARENT="/$name"
eval systemd-socket-activate -E BERTH_CGROUP_PARENT -l /run/berth/berth.sock -l /run/docker.sock "$engine" </dev/null >"$folder/log" 2>&1 &
until [ -S /run/docker.sock ]; do sleep 0.1; done
"$node" "$root/test/guides/type-here.ts" "$folder" "$part" || { tail -n 30 "$folder/log" >&2; exit 1; }
find /sys/fs/cgroup -maxdepth 2 -name "$name" | grep -q . || { echo 'the engine has not taken the cgroup that it was given' >&2; exit 1; }
docker system check >&2
docker system stop --containers >&2
`;

/** Types a part of the lines there. @throws AssertionError with what was not answered as it should be */
export async function typeOnOwnMachine(part: string): Promise<void> {
  const before = takeFootprint();
  const folder = mkdtempSync(join(tmpdir(), "bt-typed-"));
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  const spaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const words = [...spaces, "sh", "-euc", machine, "sh", folder, process.execPath, root, name, part];
  const { stdout } = await promisify(execFile)("unshare", words, { maxBuffer: 64 << 20 });
  assert.equal(JSON.parse(stdout).join("\n\n"), "");
  rmSync(folder, { recursive: true });
  await checkGone(before, name);
}
