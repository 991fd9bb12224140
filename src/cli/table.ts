import { builderCommands } from "./builder/table.ts";
import { completionCommands } from "./completion/table.ts";
import { contextCommands } from "./context/table.ts";
import type { Entry } from "./entry.ts";
import { manifestCommands } from "./manifest/table.ts";
import { registryCommands } from "./registry/table.ts";
import { volumeCommands } from "./volume/table.ts";

/** Command → function: the whole CLI. A key is the full name of a command. */
export const commands: Readonly<Record<string, Entry>> = {
  "container attach": {
    summary: "Attach local standard input, output, and error streams to a running container",
    aliases: ["attach"],
    load: () => import("./container/attach.ts"),
  },
  "container commit": {
    summary: "Create a new image from a container's changes",
    aliases: ["commit"],
    load: () => import("./container/commit.ts"),
  },
  "container cp": {
    summary: "Copy files/folders between a container and the local filesystem",
    aliases: ["cp"],
    load: () => import("./container/cp.ts"),
  },
  "container create": {
    summary: "Create a new container",
    aliases: ["create"],
    load: () => import("./container/create.ts"),
  },
  "container diff": {
    summary: "Inspect changes to files or directories on a container's filesystem",
    aliases: ["diff"],
    load: () => import("./container/diff.ts"),
  },
  "container enter": {
    summary: "Open a shell in a running container, also where its image has none",
    aliases: ["enter"],
    load: () => import("./container/enter.ts"),
  },
  "container exec": {
    summary: "Execute a command in a running container",
    aliases: ["exec"],
    load: () => import("./container/exec.ts"),
  },
  "container export": {
    summary: "Export a container's filesystem as a tar archive",
    aliases: ["export"],
    load: () => import("./container/export.ts"),
  },
  "container inspect": {
    summary: "Display detailed information on one or more containers",
    load: () => import("./container/inspect.ts"),
  },
  "container kill": {
    summary: "Kill one or more running containers",
    aliases: ["kill"],
    load: () => import("./container/kill.ts"),
  },
  "container logs": {
    summary: "Fetch the logs of a container",
    aliases: ["logs"],
    load: () => import("./container/logs.ts"),
  },
  "container ls": {
    summary: "List containers",
    aliases: ["container list", "container ps", "ps"],
    load: () => import("./container/list.ts"),
  },
  "container pause": {
    summary: "Pause all processes within one or more containers",
    aliases: ["pause"],
    load: () => import("./container/pause.ts"),
  },
  "container port": {
    summary: "List port mappings or a specific mapping for the container",
    aliases: ["port"],
    load: () => import("./container/port.ts"),
  },
  "container prune": {
    summary: "Remove all stopped containers",
    load: () => import("./container/prune.ts"),
  },
  "container rename": {
    summary: "Rename a container",
    aliases: ["rename"],
    load: () => import("./container/rename.ts"),
  },
  "container restart": {
    summary: "Restart one or more containers",
    aliases: ["restart"],
    load: () => import("./container/restart.ts"),
  },
  "container rm": {
    summary: "Remove one or more containers",
    aliases: ["container remove", "rm"],
    load: () => import("./container/remove.ts"),
  },
  "container run": {
    summary: "Create and run a new container from an image",
    aliases: ["run"],
    load: () => import("./container/run.ts"),
  },
  "container start": {
    summary: "Start one or more stopped containers",
    aliases: ["start"],
    load: () => import("./container/start.ts"),
  },
  "container stats": {
    summary: "Display a live stream of container(s) resource usage statistics",
    aliases: ["stats"],
    load: () => import("./container/stats.ts"),
  },
  "container stop": {
    summary: "Stop one or more running containers",
    aliases: ["stop"],
    load: () => import("./container/stop.ts"),
  },
  "container top": {
    summary: "Display the running processes of a container",
    aliases: ["top"],
    load: () => import("./container/top.ts"),
  },
  "container unpause": {
    summary: "Unpause all processes within one or more containers",
    aliases: ["unpause"],
    load: () => import("./container/unpause.ts"),
  },
  "container update": {
    summary: "Update configuration of one or more containers",
    aliases: ["update"],
    load: () => import("./container/update.ts"),
  },
  "container wait": {
    summary: "Block until one or more containers stop, then print their exit codes",
    aliases: ["wait"],
    load: () => import("./container/wait.ts"),
  },
  "image build": {
    summary: "Build an image from a Dockerfile",
    aliases: ["build", "builder build"],
    load: () => import("./image/build.ts"),
  },
  "image explore": {
    summary: "Show what each layer of an image changes, and what wastes space",
    load: () => import("./image/explore.ts"),
  },
  "image history": {
    summary: "Show the history of an image",
    aliases: ["history"],
    load: () => import("./image/history.ts"),
  },
  "image import": {
    summary: "Import the contents from a tarball to create a filesystem image",
    aliases: ["import"],
    load: () => import("./image/import.ts"),
  },
  "image inspect": {
    summary: "Display detailed information on one or more images",
    load: () => import("./image/inspect.ts"),
  },
  "image load": {
    summary: "Load an image from a tar archive or STDIN",
    aliases: ["load"],
    load: () => import("./image/load.ts"),
  },
  "image ls": {
    summary: "List images",
    aliases: ["image list", "images"],
    load: () => import("./image/list.ts"),
  },
  "image make": {
    summary: "Make a base image from what this machine has: busybox, debian[:suite], registry or ui",
    load: () => import("./image/make.ts"),
  },
  "image prune": {
    summary: "Remove unused images",
    load: () => import("./image/prune.ts"),
  },
  "image pull": {
    summary: "Download an image from a registry",
    aliases: ["pull"],
    load: () => import("./image/pull.ts"),
  },
  "image push": {
    summary: "Upload an image to a registry",
    aliases: ["push"],
    load: () => import("./image/push.ts"),
  },
  "image rm": {
    summary: "Remove one or more images",
    aliases: ["image remove", "rmi"],
    load: () => import("./image/remove.ts"),
  },
  "image save": {
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    aliases: ["save"],
    load: () => import("./image/save.ts"),
  },
  "image tag": {
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    aliases: ["tag"],
    load: () => import("./image/tag.ts"),
  },
  "network connect": {
    summary: "Connect a container to a network",
    load: () => import("./network/connect.ts"),
  },
  "network create": {
    summary: "Create a network",
    load: () => import("./network/create.ts"),
  },
  "network disconnect": {
    summary: "Disconnect a container from a network",
    load: () => import("./network/disconnect.ts"),
  },
  "network inspect": {
    summary: "Display detailed information on one or more networks",
    load: () => import("./network/inspect.ts"),
  },
  "network ls": {
    summary: "List networks",
    aliases: ["network list"],
    load: () => import("./network/list.ts"),
  },
  "network prune": {
    summary: "Remove all unused networks",
    load: () => import("./network/prune.ts"),
  },
  "network rm": {
    summary: "Remove one or more networks",
    aliases: ["network remove"],
    load: () => import("./network/remove.ts"),
  },
  ...builderCommands,
  ...completionCommands,
  ...contextCommands,
  ...manifestCommands,
  ...registryCommands,
  "system check": {
    summary: "Compare the engine's records with the system, and repair what differs",
    load: () => import("./system/check.ts"),
  },
  "system df": {
    summary: "Show Berth disk usage",
    load: () => import("./system/df.ts"),
  },
  "system events": {
    summary: "Get real time events from the server",
    aliases: ["events"],
    load: () => import("./system/events.ts"),
  },
  "system info": {
    summary: "Display system-wide information",
    aliases: ["info"],
    load: () => import("./system/info.ts"),
  },
  "system install": {
    summary: "Have systemd run the engine",
    load: () => import("./system/install.ts"),
  },
  "system prune": {
    summary: "Remove unused data",
    load: () => import("./system/prune.ts"),
  },
  "system stop": {
    summary: "Stop the engine; containers run on unless told otherwise",
    load: () => import("./system/stop.ts"),
  },
  ...volumeCommands,
  "system dial-stdio": {
    summary: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
    isHidden: true,
    load: () => import("./system/dial-stdio.ts"),
  },
  inspect: {
    summary: "Return low-level information on Docker objects",
    load: () => import("./system/inspect.ts"),
  },
  login: {
    summary: "Authenticate to a registry",
    load: () => import("./login/login.ts"),
  },
  logout: {
    summary: "Log out from a registry",
    load: () => import("./login/logout.ts"),
  },
  search: {
    summary: "Search Docker Hub for images",
    load: () => import("./image/search.ts"),
  },
  ui: {
    summary: "Serve a web page for the engine",
    load: () => import("./ui/ui.ts"),
  },
  version: {
    summary: "Show the Docker version information",
    load: () => import("./system/version.ts"),
  },
};
