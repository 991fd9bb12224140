import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { eventually, type TestEngine } from "./engine.ts";

/** A command in a terminal of its own, as a person would use it. */
export class Terminal {
  readonly child: ChildProcessWithoutNullStreams;
  text = "";

  constructor(engine: TestEngine, words: string[]) {
    const line = [process.execPath, join(import.meta.dirname, "../dist/cli/main.js"), ...words]
      .map((word) => `'${word}'`)
      .join(" ");
    const env = { ...process.env, BERTH_HOST: engine.host, TERM: "xterm" };
    this.child = spawn("script", ["-qfec", `stty rows 30 cols 100; exec ${line}`, "/dev/null"], { env });
    this.child.stdout.on("data", (chunk) => {
      this.text += chunk;
    });
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  shows(pattern: RegExp): Promise<string> {
    return eventually(
      () => this.text,
      (text) => pattern.test(text),
    );
  }

  async end(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    return new Promise((resolve) => this.child.once("exit", resolve));
  }
}
