import { configLines } from "./config-lines.ts";
import { createFlags } from "./create-flags.ts";

/** What a created container was made with: the parts that flags change. */
const shown =
  "{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.Hostname}} {{.Config.Domainname}} {{.Config.User}} " +
  "{{json .Config.Labels}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.WorkingDir}} {{.Config.StopSignal}} {{json .Config.StopTimeout}} " +
  "{{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.AttachStdout}} {{json .HostConfig.Binds}} {{.HostConfig.NetworkMode}} {{json .HostConfig.PortBindings}} " +
  "{{json .HostConfig.RestartPolicy}} {{.HostConfig.AutoRemove}} {{json .HostConfig.CapAdd}} {{json .HostConfig.CapDrop}} {{json .HostConfig.DNS}} " +
  "{{json .HostConfig.ExtraHosts}} {{.HostConfig.IpcMode}} {{.HostConfig.PidMode}} {{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}} " +
  "{{json .HostConfig.SecurityOpt}} {{json .HostConfig.Tmpfs}} {{.HostConfig.ShmSize}} {{json .HostConfig.Sysctls}} {{.HostConfig.Memory}} " +
  "{{.HostConfig.MemorySwap}} {{.HostConfig.NanoCPUs}} {{.HostConfig.CPUShares}} {{.HostConfig.CPUQuota}} {{.HostConfig.CpusetCpus}} " +
  "{{json .HostConfig.PidsLimit}} {{json .HostConfig.Ulimits}} {{json .HostConfig.LogConfig}} {{json .HostConfig.Devices}} {{json .HostConfig.Mounts}}";

/** `{}` is the program, `{host}` a folder of the host that it has for itself. Each leaves behind what it found. */
const createLines = Object.entries(createFlags).flatMap(([flag, values]) =>
  values.map(
    (value) =>
      `{} create --name sweep-it ${flag}=${value} busybox true >/dev/null && {} inspect -f '${shown}' $({} ps -lq); code=$?; ` +
      "{} rm -f sweep-it sweep1 sweep2 >/dev/null 2>&1; exit $code",
  ),
);

/** Each of these words after every one of the commands. */
const oddWords = ["", "--help", "--nosuch", "-", "nosuch", "''", "nosuch other", "--", "-Z"];
const commands = [
  ..."attach commit cp create diff exec export history images import inspect kill load logs".split(" "),
  ..."pause port ps pull push rename restart rm rmi run save search start stats stop tag top unpause update version wait".split(
    " ",
  ),
  ..."container image network volume system login logout".split(" "),
  "container ls",
  "container prune -f",
  "image ls",
  "image prune -f",
  "network ls",
  "network create",
  "network rm",
  "network connect",
  "network disconnect",
  "network inspect",
  "volume ls",
  "volume create",
  "volume rm",
  "volume inspect",
  "system df",
  "nosuch",
];
/** These would wait, or ask a registry on the internet. */
const skipped =
  /^(pull|push|search|run|create) |^(stats|events|login|pull|push|search|import|load)\b.*|^volume create( --)?$|^network create -$/;
const oddLines = commands.flatMap((command) =>
  oddWords.map((words) => `${command} ${words}`.trim()).filter((line) => !skipped.test(`${line} `.trim())),
);

const otherLines = `
--version
--nosuch
-H nosuch://x ps
-H tcp://127.0.0.1:1 ps
ps -a --format '{{.Names}} {{.Image}} {{.State}}'
ps --filter name=box --format '{{.Names}}'
ps --filter status=rubbish
ps --filter nosuch=1
ps --filter is-task=x
ps --filter publish=abc
ps --filter exited=abc
ps --filter health=abc
ps --filter before=nosuch
ps -n 1 --format '{{.Names}}'
ps -n -2 --format '{{.Names}}'
ps -n abc
ps --format '{{.Nosuch}}'
ps --format '{{'
ps --format json --filter name=nosuch
ps --no-trunc --format '{{.Command}}' -a
ps -q --format x
images --format '{{.Repository}}:{{.Tag}}'
images --filter dangling=maybe
images --filter nosuch=1
images --filter before=nosuch
images --filter label=a=b
images busybox --format '{{.Repository}}'
images nosuch -q
images -q --no-trunc nosuch
network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
network ls --filter driver=nosuch -q
network ls --filter dangling=x
network ls --filter type=x
network ls --filter nosuch=x
network create bridge
network create host
network create none
network create -d nosuch sweepnet
network create --subnet abc sweepnet
network create --subnet 10.1.2.3/8 --gateway 11.0.0.1 sweepnet
network create --gateway 10.0.0.1 sweepnet
network create --ip-range 10.0.0.0/24 sweepnet
network create --opt a=b --label x=y sweepnet >/dev/null && {} network inspect -f '{{json .Options}} {{json .Labels}} {{.Driver}}' sweepnet; {} network rm sweepnet
network create sweepnet >/dev/null; {} network create sweepnet; {} network rm sweepnet
network rm bridge
network rm net net2
network inspect net -f '{{.Name}} {{.Driver}} {{.Internal}} {{.Attachable}} {{json .Labels}} {{len .Containers}}'
network inspect -f '{{.Nosuch}}' net
network connect net nosuch
network connect nosuch box
network disconnect net made
network disconnect nosuch box
volume create sweepvol2; {} volume rm sweepvol2
volume create -d nosuch x
volume create 'a b'
volume create /x
volume create a
volume create -o a=b sweepvol3; {} volume rm -f sweepvol3
volume create --label a=b sweepvol4 && {} volume inspect -f '{{json .Labels}} {{.Driver}} {{.Name}} {{.Scope}} {{json .Options}}' sweepvol4; {} volume rm sweepvol4
volume ls --filter dangling=maybe
volume ls --filter nosuch=1
volume ls -q --filter name=vol
volume ls --format '{{.Name}} {{.Driver}}' --filter name=vol
volume rm vol nosuch
volume rm -f nosuch
volume inspect vol -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Options}}'
volume prune --filter nosuch=1 -f
volume prune -f --filter label=nosuch
inspect box -f '{{.Name}} {{.State.Status}} {{.State.Running}} {{json .Args}} {{.Path}} {{.RestartCount}} {{.Driver}} {{.Platform}}'
inspect -f '{{json .HostConfig.Binds}}' box
inspect -f '{{.Nosuch}}' box
inspect -f '{{' box
inspect -f '{{range .Config.Env}}{{println .}}{{end}}' box
inspect -f '{{index .Config.Labels "x"}}' box
inspect -f '{{join .Config.Cmd "-"}} {{upper .Name}} {{len .Name}} {{printf "%q" .Name}}' box
inspect -f '{{with .Config}}{{.Image}}{{end}} {{if eq .Name "/box"}}yes{{else}}no{{end}}' box
inspect --type image box
inspect --type container busybox
inspect --type nosuch box
inspect --size made -f '{{.SizeRw}}'
inspect -s -f x box
container inspect nosuch box -f '{{.Name}}'
image inspect nosuch
image inspect busybox -f '{{json .Config.Cmd}} {{.Os}} {{.Architecture}} {{json .RepoTags}} {{.RootFS.Type}}'
history busybox --format '{{.CreatedBy}}' --no-trunc
history busybox -q
tag busybox sweep/x:1 && {} images sweep/x --format '{{.Repository}}:{{.Tag}}'; {} rmi sweep/x:1 >/dev/null
tag busybox UPPER
tag busybox a:b:c
tag busybox 'a b'
tag busybox x@sha256:abc
rmi ' '
rmi nosuch nosuch2
rmi -f nosuch
rmi busybox
port box 80
port box
port box abc
port made
top box
top box -o pid,comm
top made
top box -o nosuch
logs box
logs --tail abc box
logs --tail -1 gone
logs --since abc gone
logs --until 1 gone
logs -n 1 gone
logs -t gone | sed 's/^[^ ]* //'
logs --details gone
logs made
exec box echo hi
exec box false
exec box nosuch
exec box sh -c 'exit 3'
exec -w /nosuch box pwd
exec -w rel box pwd
exec -w /tmp box pwd
exec -u nosuch box id
exec -u 1234 box id
exec -u root:nosuch box id
exec -d -u nosuch box id
exec -e A=1 -e B box sh -c 'echo $A$B'
exec -e =1 box true
exec --env-file /nosuch box true
exec -d box true
exec -t box tty
exec -it box tty </dev/null
exec -i box cat </dev/null
echo x | {} exec -i box cat
exec --detach-keys nonsense box true
exec made true
exec gone true
exec nosuch true
exec box
exec --privileged box true
exec box /etc
exec box ''
kill made
kill gone
kill -s nosuch box
kill -s 0 box
kill -s '' box
kill -s CONT box
kill -s CLD box
kill -s 99 made
kill -s nosuch nosuch
kill nosuch box2
stop made
stop gone
stop -t abc box
stop -s nosuch box
stop -s nosuch made
restart -t abc gone
restart -s nosuch box
start nosuch
start gone
start -a gone
start -ai gone </dev/null
start box
start -a made nosuch
pause made
pause gone
unpause box
pause box && {} exec box true; {} pause box; {} unpause box
rename box gone
rename box box
rename box 'a b'
rename box ''
rename nosuch x1
rename made made2 && {} rename made2 made
update --memory 1k made
update --memory 8m made
update --cpus 99999 made
update --cpu-quota -1 made
update --restart abc made
update --restart on-failure:2 made && {} inspect -f '{{json .HostConfig.RestartPolicy}}' made
update --pids-limit -1 made
update --cpu-shares -1 made
update --memory-swap 5m made
update --memory 8m --memory-swap 5m made
update --cpus 1 --cpu-quota 1000 made
update made
wait made nosuch
wait gone
wait gone gone
rm box
rm nosuch
rm -f nosuch
rm -l box
rm -v nosuch
diff made
diff gone
export made | wc -c | grep -q '^[1-9][0-9]*$' && echo exported
export -o /nosuch/x made
export nosuch
save -o /nosuch/x busybox
save nosuch | wc -c
save nosuch:1 | wc -c
save busybox | tar -t | grep -c json
load -i /nosuch
load -i /etc
load </dev/null
echo abc | {} load
load --nosuch
import /nosuch
import - 'A B' </dev/null
echo abc | {} import -
import -c nonsense - </dev/null
commit made 'A B'
commit nosuch x
commit -c 'nonsense' made
commit -c 'CMD [' made
commit -c 'ENV a' made
commit -m msg -a me -c 'ENV A=1' made sweep/commit >/dev/null && {} inspect -f '{{.Comment}} {{.Author}} {{json .Config.Env}}' sweep/commit; {} rmi sweep/commit >/dev/null
cp /nosuch made:/x
cp made:/nosuch /tmp/x
cp made /x
cp made:/a made:/b
cp /a /b
cp '' made:/x
cp made:/etc/passwd -  | tar -t
cp made:/etc/passwd /nosuch/dir/x
cp - made:/nosuch </dev/null
cp nosuch:/x /tmp
cp -q /etc/hostname made:/tmp/
cp -L made:/etc/passwd - | tar -t
create nosuch:tag --pull never
create --pull never nosuch
create --pull never 'A B'
create --pull never UPPER
create --pull never a@sha256:abc
create --cidfile /nosuch/x busybox
create --name box busybox
create --rm --restart always busybox
create --net host -p 80:80 busybox >/dev/null && {} rm $({} ps -lq) >/dev/null
create --net host --mac-address 02:42:ac:11:00:02 busybox
create --net container:box --expose 80 busybox
create --net container:box -p 80:80 busybox
create --net container:box --hostname x busybox
create --net container:box --add-host a:1.2.3.4 busybox
create --net container:box --dns 1.1.1.1 busybox
create --uts host --hostname x busybox
create -m 6m --memory-swap 5m busybox
create -m 6m --memory-reservation 8m busybox
create --memory-swap 8m busybox
create --cpus 1 --cpu-quota 1000 busybox
create -v /a -v /a busybox
create -v /x:/a -v /y:/a busybox
create --tmpfs /a -v /a busybox
create --mount type=tmpfs,dst=/a -v /x:/a busybox
create --ip 10.0.0.1 busybox
create --network net --ip 1.1.1.1 busybox
create --network nosuch --ip abc busybox
create --network container:box --ip 1.1.1.1 busybox
create --network net --network bridge busybox
create --network net --network net busybox
create --network-alias a busybox
create --link box busybox >/dev/null && {} rm $({} ps -lq) >/dev/null
run --rm busybox echo hi
run --rm busybox false
run --rm busybox nosuch
run --rm busybox /etc
run --rm busybox sh -c 'exit 42'
run --rm busybox sh -c 'kill -9 $$'
run --rm busybox sh -c 'echo out; echo err >&2'
run --rm -t busybox tty
run --rm -it busybox true </dev/null
run --rm -i busybox cat </dev/null
echo abc | {} run --rm -i busybox cat
run --rm -a stdout busybox sh -c 'echo out; echo err >&2'
run --rm -a stderr busybox sh -c 'echo out; echo err >&2'
run -d -a stdout busybox true
run -d --rm busybox true | wc -c
run --rm --user 1234 busybox id
run --rm --user nosuch busybox id
run --rm --user 0:nosuch busybox id
run --rm --user 2147483648 busybox id
run --rm --user=-1 busybox id
run --rm -w /tmp busybox pwd
run --rm -w rel busybox pwd
run --rm -w /new/dir busybox pwd
run --rm -e A=1 -e A=2 busybox sh -c 'echo $A'
run --rm -e HOME= busybox sh -c 'echo "[$HOME]"'
run --rm -h a.b busybox hostname
run --rm --read-only busybox touch /x
run --rm --tmpfs /t busybox sh -c 'touch /t/x && echo ok'
run --rm --entrypoint echo busybox a b
run --rm --entrypoint '' busybox echo x
run --rm --entrypoint '' busybox
run --rm --init busybox sh -c 'echo $$'
run --rm --sig-proxy=false busybox true
run --rm --ulimit nofile=99:100 busybox sh -c 'ulimit -Sn; ulimit -Hn'
run --rm --cap-drop ALL busybox grep CapEff /proc/self/status
run --rm --cap-add SYS_TIME busybox grep CapEff /proc/self/status
run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status
run --rm --net none busybox ip -o link
run --rm --pids-limit 5 busybox sh -c 'true | true && echo ok'
run --rm --stop-signal KILL busybox true
run --rm --log-driver none busybox echo x
run --rm -v {host}/new:/a busybox sh -c 'touch /a/x && echo ok'; ls {host}/new; rm -rf {host}/new
run --rm --mount type=bind,src=/nosuch,dst=/a busybox true
run --rm -v /etc/hostname:/etc busybox true
run --rm --device /nosuch busybox true
run --rm --pull never nosuch
run --rm --net nosuch busybox true
run --rm --net container:nosuch busybox true
run --rm --net container:made busybox true
run --rm --volumes-from nosuch busybox true
run --rm --add-host a:1.2.3.4 busybox grep 1.2.3.4 /etc/hosts
run --rm --dns 1.1.1.1 --dns-search x.y --dns-option ndots:2 busybox cat /etc/resolv.conf
run --rm --shm-size 1m busybox df -k /dev/shm | tail -n 1 | tr -s ' '
run --rm --sysctl net.ipv4.ip_forward=0 busybox cat /proc/sys/net/ipv4/ip_forward
run --rm --label a=b -l c busybox true
run --rm --nosuch busybox
run --rm
run busybox --rm >/dev/null; echo $?; {} rm $({} ps -lq) >/dev/null
run --name box busybox true
run --rm --memory 4m busybox true
run --rm --cpuset-cpus 999 busybox true
run --rm --oom-score-adj 2000 busybox true
system df --format '{{.Type}}'
system prune --filter nosuch=1 -f
system nosuch
events --since 10 --until 1
events --since abc --until 1
events --until 1 --filter nosuch=x
events --since 1 --until 2
events --format '{{' --until 1
info --format '{{.Nosuch}}'
info --format '{{.OSType}}'
version --format '{{.Server.Os}}'
version --format '{{.Nosuch}}'
login --password-stdin
login -u a --password-stdin -p b
logout nosuch.example
`
  .trim()
  .split("\n");

const toShell = (line: string) =>
  line.includes("{}") && !/^[a-z-]/.test(line) ? line : /^echo /.test(line) ? line : `{} ${line}`;

/** Command lines of a shell. */
export const lines: readonly string[] = [
  ...oddLines.map(toShell),
  ...otherLines.map(toShell),
  ...createLines,
  ...configLines,
];
