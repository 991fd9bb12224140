import { language } from "../languages/language.ts";

/** What to do about what the engine says, by words that Docker's sentences have. */
const hints: [pattern: RegExp, en: string, zh: string][] = [
  [
    /port is already allocated|address already in use/i,
    "Choose another port of this machine, or stop what uses it.",
    "请选择本机的其他端口，或停止占用它的程序。",
  ],
  [
    /is already in use by container|name .* is already in use/i,
    "Choose another name, or remove the container that has it.",
    "请换一个名称，或删除占用该名称的容器。",
  ],
  [
    /cannot remove .*container.*running|stop the container before/i,
    "Stop it first, or remove it by force.",
    "请先停止它，或强制删除。",
  ],
  [
    /image is being used|is using its referenced image|image has dependent/i,
    "Remove the containers that use the image first.",
    "请先删除使用该镜像的容器。",
  ],
  [/volume is in use/i, "Remove the containers that use the volume first.", "请先删除使用该卷的容器。"],
  [/has active endpoints/i, "Disconnect its containers first.", "请先断开它的容器。"],
  [
    /no such image|not found: manifest|manifest unknown|repository does not exist/i,
    "Check the name and the tag, or log in if the registry is private.",
    "请检查名称和标签；如果仓库是私有的，请登录。",
  ],
  [
    /cannot connect to the docker daemon|connection was lost|during connect/i,
    "Start the engine: berth daemon. This page goes on by itself.",
    "请启动引擎：berth daemon。页面会自动恢复。",
  ],
  [/no space left/i, "Free some disk: Overview, Clean up.", "请释放磁盘空间：总览 → 清理。"],
  [
    /executable file not found|no such file or directory.*exec/i,
    "The image has no such program: try another shell or command.",
    "镜像中没有该程序：请换一个 shell 或命令。",
  ],
];

export function hintFor(text: string): string {
  const [, en = "", zh = ""] = hints.find(([pattern]) => pattern.test(text)) ?? [];
  return language.get() === "zh" ? zh : en;
}
