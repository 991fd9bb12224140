import { severalAtOnce } from "../each.ts";
import { eachContainer } from "./each-container.ts";

export const command = eachContainer(async ({ containers }, id) => {
  await containers.unpause(id);
  return id;
}, severalAtOnce);
