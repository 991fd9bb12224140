"""What scripts do with Debian's python3-docker, against the engine at $DOCKER_HOST. Any surprise ends it with a traceback."""

import io
import tarfile
import threading

import docker

client = docker.from_env(version="auto")
assert client.ping() is True
assert client.version()["Os"] == "linux"
assert client.info()["OSType"] == "linux"

archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    for name, text in {
        "Dockerfile": "FROM busybox\nARG WHO\nLABEL made.by=python\nCOPY greeting /\nRUN echo $WHO >> /greeting\n",
        "greeting": "hello\n",
    }.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
archive.seek(0)
image, log = client.images.build(
    fileobj=archive, custom_context=True, tag="greeter:1", buildargs={"WHO": "world"}, rm=True
)
assert "greeter:1" in image.tags and image.labels["made.by"] == "python"
assert any("Successfully built" in line.get("stream", "") for line in log)
assert client.containers.run("greeter:1", "cat /greeting", remove=True) == b"hello\nworld\n"
try:
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 7\n"))
    raise SystemExit("a build that fails is said to have worked")
except docker.errors.BuildError as error:
    assert "returned a non-zero code: 7" in error.msg, error.msg

assert image.tag("greeter", "2")
image.reload()
assert set(image.tags) == {"greeter:1", "greeter:2"}
assert "echo $WHO >> /greeting" in image.history()[0]["CreatedBy"]
saved = b"".join(image.save(named=True))
client.images.remove("greeter:1")
client.images.remove("greeter:2")
try:
    client.images.get("greeter:1")
    raise SystemExit("an image that was removed is still there")
except docker.errors.ImageNotFound:
    pass
(loaded,) = client.images.load(saved)
assert loaded.id == image.id
assert loaded.id in {one.id for one in client.images.list(filters={"label": "made.by=python"})}

network = client.networks.create(
    "lane",
    driver="bridge",
    labels={"kind": "test"},
    ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="10.217.3.0/24")]),
)
volume = client.volumes.create("store", labels={"kind": "test"})

events = client.events(decode=True, filters={"type": "container", "label": "kind=server"})
seen = []
reader = threading.Thread(target=lambda: seen.extend(events), daemon=True)
reader.start()

server = client.containers.run(
    "busybox",
    ["sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done"],
    name="server",
    detach=True,
    labels={"kind": "server"},
    network="lane",
    volumes={"store": {"bind": "/store", "mode": "rw"}},
    environment={"A": "b"},
    mem_limit="64m",
    ports={"80/tcp": ("127.0.0.1", None)},
    healthcheck={"test": ["CMD", "true"], "interval": 300_000_000},
)
server.reload()
assert server.status == "running" and server.attrs["HostConfig"]["Memory"] == 64 << 20
assert server.ports["80/tcp"][0]["HostIp"] == "127.0.0.1"
assert server.attrs["NetworkSettings"]["Networks"]["lane"]["IPAddress"].startswith("10.217.3.")
network.reload()
assert [one.name for one in network.containers] == ["server"]
assert [one.name for one in client.containers.list(filters={"volume": "store"})] == ["server"]

assert next(server.logs(stream=True, follow=True)) == b"up\n"
assert server.exec_run("sh -c 'echo $A'") == (0, b"b\n")
assert server.exec_run("sh -c 'echo out; echo err >&2; exit 4'", demux=True) == (4, (b"out\n", b"err\n"))
assert b"".join(server.exec_run("seq 20000", stream=True).output).count(b"\n") == 20000
code, socket = server.exec_run("cat", stdin=True, socket=True)
socket._sock.sendall(b"typed\n")
assert socket.read(8) == b"\x01\0\0\0\0\0\0\x06" and socket.read(6) == b"typed\n"
socket.close()

archive.seek(0)
assert server.put_archive("/store", archive)
stream, stat = server.get_archive("/store/greeting")
assert (stat["name"], stat["size"]) == ("greeting", 6)
with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
    assert tar.extractfile("greeting").read() == b"hello\n"
assert {"Path": "/store", "Kind": 1} in server.diff() or any(one["Path"] == "/store" for one in server.diff())

once = server.stats(stream=False)
assert once["memory_stats"]["limit"] == 64 << 20 and once["cpu_stats"]["cpu_usage"]["total_usage"] > 0
flow = server.stats(decode=True)
assert next(flow)["name"] == next(flow)["name"] == "/server"
assert server.top()["Titles"]
server.pause()
server.reload()
assert server.status == "paused"
server.unpause()
server.update(mem_limit="128m", memswap_limit="128m")
server.rename("renamed")
network.disconnect(server)
network.connect(server, aliases=["again"])
server.reload()
assert "again" in server.attrs["NetworkSettings"]["Networks"]["lane"]["Aliases"]
assert server.commit("kept", "1").tags == ["kept:1"]

waiting = []
waiter = threading.Thread(target=lambda: waiting.append(server.wait()))
waiter.start()
server.stop(timeout=60)
waiter.join()
assert waiting[0]["StatusCode"] == 3, waiting
assert server.logs(tail=1) == b"bye\n"
assert server.logs(timestamps=True).split()[1] == b"up"
try:
    server.exec_run("true")
    raise SystemExit("an exec in a container that has ended is said to have worked")
except docker.errors.APIError as error:
    assert error.status_code == 409, error
server.restart(timeout=1)
try:
    server.remove()
    raise SystemExit("a container that runs was removed without force")
except docker.errors.APIError as error:
    assert error.status_code == 409, error
server.remove(force=True, v=True)

try:
    client.containers.run("busybox", "sh -c 'echo why >&2; exit 9'", remove=True)
    raise SystemExit("a command that fails is said to have worked")
except docker.errors.ContainerError as error:
    assert (error.exit_status, error.stderr) == (9, b"why\n")
late = client.containers.create("busybox", "true", name="late")
assert late.wait()["StatusCode"] == 0, "one that does not run is not waited for"
late.remove()

while not any(event["Action"] == "destroy" for event in seen):
    reader.join(0.05)
events.close()
actions = [event["Action"].split(":")[0] for event in seen]
for action in ("create", "start", "exec_create", "pause", "unpause", "rename", "kill", "die", "stop", "restart", "destroy"):
    assert action in actions, (action, actions)
assert next(event for event in seen if event["Action"] == "die")["Actor"]["Attributes"]["exitCode"] == "3"

assert client.df()["Images"]
network.remove()
volume.remove()
client.containers.prune()
assert client.containers.prune() == {"ContainersDeleted": None, "SpaceReclaimed": 0}
assert client.networks.prune() == {"NetworksDeleted": None}
assert "SpaceReclaimed" in client.volumes.prune()
print("all of it")
