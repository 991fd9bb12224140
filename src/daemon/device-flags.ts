import { invalid } from "../errors.ts";
import { parseGoBool } from "../formats/go-bool.ts";

/** As `table` in flag-table.ts. Docker's keys are `cdi-spec-dirs` and `features`, an object. */
export const deviceTable = [
  [
    "cdi-spec-dir",
    "list",
    "",
    'Directory in which vendors describe devices (CDI) (default "/etc/cdi" and "/var/run/cdi"); "" for none',
  ],
  ["feature", "list", "", "Switch a feature on or off, as NAME[=BOOL]: cdi, buildkit"],
] as const;

/** `containerd-snapshotter` changes nothing here: there is one image store. */
const features = ["cdi", "buildkit", "containerd-snapshotter"];

/** @returns undefined for the usual ones. @throws EngineError invalid */
export function readCdiDirectories(list: (name: string) => string[]): readonly string[] | undefined {
  if (!isOn(list, "cdi")) return [];
  const given = list("cdi-spec-dir");
  const directories = given.filter((path) => path !== "");
  const relative = directories.find((path) => !path.startsWith("/"));
  if (relative !== undefined) throw invalid(`invalid cdi-spec-dir "${relative}": it is not an absolute path`);
  return given.length > 0 ? directories : undefined;
}

/** Whether clients that leave it to the engine build with BuildKit. @throws EngineError invalid */
export const usesBuildKit = (list: (name: string) => string[]) => isOn(list, "buildkit");

function isOn(list: (name: string) => string[], feature: string): boolean {
  const switches = list("feature").map(parseFeature);
  return switches.findLast(([name]) => name === feature)?.[1] ?? true;
}

function parseFeature(text: string): [name: string, isOn: boolean] {
  const [name = "", value = "true"] = text.split(/=(.*)/s);
  const isOn = parseGoBool(value);
  if (!features.includes(name)) throw invalid(`unknown feature "${name}": there are ${features.join(", ")}`);
  if (isOn === undefined) throw invalid(`invalid value "${value}" for feature "${name}": use true or false`);
  return [name, isOn];
}
