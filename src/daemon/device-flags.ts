import { invalid } from "../errors.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { isObject } from "../formats/json.ts";

/** As `table` in flags.ts. Docker's keys are `cdi-spec-dirs` and `features`, an object. */
export const deviceTable = [
  [
    "cdi-spec-dir",
    "list",
    "",
    'Directory in which vendors describe devices (CDI) (default "/etc/cdi" and "/var/run/cdi"); "" for none',
  ],
  ["feature", "list", "", "Switch a feature on or off, as NAME[=BOOL]: cdi"],
] as const;

/** The last two are Docker's, and make no difference: there is one builder, and one image store. */
const features = ["cdi", "buildkit", "containerd-snapshotter"];

/** @returns undefined for the usual ones. @throws EngineError invalid */
export function readCdiDirectories(list: (name: string) => string[]): readonly string[] | undefined {
  const switches = list("feature").map(parseFeature);
  if (switches.findLast(([name]) => name === "cdi")?.[1] === false) return [];
  const given = [...list("cdi-spec-dir"), ...list("cdi-spec-dirs")];
  const directories = given.filter((path) => path !== "");
  const relative = directories.find((path) => !path.startsWith("/"));
  if (relative !== undefined) throw invalid(`invalid cdi-spec-dir "${relative}": it is not an absolute path`);
  return given.length > 0 ? directories : undefined;
}

function parseFeature(text: string): [name: string, isOn: boolean] {
  const [name = "", value = "true"] = text.split(/=(.*)/s);
  const isOn = parseGoBool(value);
  if (!features.includes(name)) throw invalid(`unknown feature "${name}": there are ${features.join(", ")}`);
  if (isOn === undefined) throw invalid(`invalid value "${value}" for feature "${name}": use true or false`);
  return [name, isOn];
}

/** Docker's keys of daemon.json. @throws EngineError invalid */
export function readDeviceKeys({ features: given }: Record<string, unknown>): Record<string, string[]> {
  if (given === undefined) return {};
  if (!isObject(given)) throw invalid("features is not an object");
  return { feature: Object.entries(given).map(([name, value]) => `${name}=${value}`) };
}
