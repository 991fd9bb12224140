import { it } from "node:test";
import { typeOnOwnMachine } from "./own-machine.ts";

it("the command lines of what containers are given in well-known guides work as they are typed, under docker's names", () =>
  typeOnOwnMachine("containers"));
