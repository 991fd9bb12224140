import type { Run } from "../../dockerfile/instructions.ts";
import { parseRunDevice } from "../../dockerfile/run-device.ts";
import { invalid } from "../../errors.ts";
import { parseGoBool } from "../../formats/go-bool.ts";
import type { FoundDevice } from "../../runtime/cdi/read-directories.ts";
import type { Planning } from "./stage.ts";

/** Full names of the CDI devices that a RUN names, each once. @throws EngineError invalid in BuildKit's words */
export async function planDevices({ options, cdi }: Planning, instruction: Run): Promise<string[]> {
  const names = new Set<string>();
  if (instruction.devices.length === 0) return [];
  const { devices } = await cdi.list();
  for (const text of instruction.devices) {
    const { name, isRequired } = parseRunDevice(text);
    const found = findDevices(devices, name);
    if (found.length === 0 && isRequired)
      throw invalid(`required device ${JSON.stringify(name)} is not registered`);
    for (const device of found) {
      if (!isAllowed(device, options.entitlements))
        throw invalid(`device ${JSON.stringify(device.name)} is not allowed`);
      names.add(device.name);
    }
  }
  return [...names];
}

/** `kind` is the first of the kind, `kind=*` all of them, and `kind=name` a device or else a class of devices. */
function findDevices(devices: readonly FoundDevice[], wanted: string): FoundDevice[] {
  const [kind = "", name = ""] = wanted.split(/=(.*)/s);
  if (!/^[a-zA-Z][\w.-]*\/[a-zA-Z][\w.-]*$/.test(kind))
    throw invalid(`invalid device ${JSON.stringify(wanted)}`);
  const ofKind = devices.filter((device) => device.name.startsWith(`${kind}=`));
  if (name === "") return ofKind.slice(0, 1);
  if (name === "*") return ofKind;
  const exact = ofKind.filter((device) => device.name === wanted);
  if (exact.length > 0) return exact;
  return ofKind.filter(({ annotations }) => annotations["org.mobyproject.buildkit.device.class"] === name);
}

/** By the build (`--allow device`, `--allow device=NAME`), or by the device's own document. */
function isAllowed({ name, annotations }: FoundDevice, entitlements: ReadonlySet<string>): boolean {
  const [kind = ""] = name.split("=");
  const granted = ["device", `device=${kind}`, `device=${name}`].some((one) => entitlements.has(one));
  return granted || parseGoBool(annotations["org.mobyproject.buildkit.device.autoallow"] ?? "") === true;
}
