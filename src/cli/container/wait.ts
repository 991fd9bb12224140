import { eachContainer } from "./each-container.ts";

export const command = eachContainer(async ({ containers }, id) => {
  const { exit } = await containers.wait(id);
  // What went wrong as well is said to those who have asked for that: this tells the code, as Docker's does.
  const { StatusCode } = await exit;
  return String(StatusCode);
});
