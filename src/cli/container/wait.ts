import { ExitError } from "../command.ts";
import { eachContainer } from "./each-container.ts";

export const command = eachContainer(async ({ containers }, id) => {
  const { exit } = await containers.wait(id);
  const result = await exit;
  if (result.Error?.Message) throw new ExitError(1, result.Error.Message);
  return String(result.StatusCode);
});
