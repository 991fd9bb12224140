import { invalid, messageOf } from "../../errors.ts";
import { decode } from "../../formats/shape.ts";
import { type CdiSpec, cdiSpecShape } from "./cdi-spec.ts";
import { checkCdiSpec } from "./check-spec.ts";
import { readYaml } from "./read-yaml.ts";

/** Reads JSON or YAML. @throws EngineError invalid, in the words of the specification's own library */
export function parseCdiSpec(content: string): CdiSpec {
  let document: unknown;
  try {
    document = readYaml(content);
  } catch (error) {
    throw invalid(`failed to unmarshal CDI Spec: ${messageOf(error)}`, error);
  }
  if (document === null || document === undefined) throw invalid("no Spec data");
  let spec: CdiSpec;
  try {
    spec = decode(cdiSpecShape, document);
  } catch (error) {
    throw invalid(`failed to unmarshal CDI Spec: ${messageOf(error)}`, error);
  }
  try {
    checkCdiSpec(spec);
  } catch (error) {
    throw invalid(`invalid CDI Spec: ${messageOf(error)}`, error);
  }
  return spec;
}
