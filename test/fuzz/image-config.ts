import assert from "node:assert/strict";
import { chainIds, isDigest } from "../../src/formats/digest.ts";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { parseImageConfig } from "../../src/formats/image-config.ts";
import { decode } from "../../src/formats/shape.ts";
import { mutateJson } from "./mutate.ts";
import type { Target } from "./target.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const document = {
  architecture: "amd64",
  os: "linux",
  variant: "v8",
  created: "2024-01-02T03:04:05.678Z",
  author: "somebody",
  config: {
    Hostname: "h",
    User: "1000:1000",
    ExposedPorts: { "80/tcp": {}, "33060-33061/tcp": {} },
    Env: ["PATH=/bin", "A="],
    Entrypoint: ["/entry"],
    Cmd: ["sh", "-c", "echo"],
    Volumes: { "/data": {} },
    WorkingDir: "/srv",
    Labels: { key: "value" },
    StopSignal: "SIGTERM",
    StopTimeout: 10,
    Healthcheck: { Test: ["CMD", "true"], Interval: 1_000_000_000, Timeout: 5, StartPeriod: 0, Retries: 3 },
    OnBuild: ["RUN x"],
    Shell: ["/bin/sh", "-c"],
    ArgsEscaped: false,
  },
  rootfs: { type: "layers", diff_ids: [digest("a"), digest("b")] },
  history: [
    { created: "2024-01-02T03:04:05Z", created_by: "ADD", comment: "c" },
    { created_by: "CMD", empty_layer: true },
  ],
};

/** The config of an image, as a registry or an archive brings it. */
export const imageConfig: Target = {
  name: "image-config",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      const config = parseImageConfig(mutateJson(random, document));
      assert.ok(config.rootfs.diff_ids.every(isDigest));
      assert.equal(chainIds(config.rootfs.diff_ids).length, config.rootfs.diff_ids.length);
      // As inspect shows it, whatever it was: what was taken once is not refused later.
      const shown = decode(configShape, config.config);
      assert.deepEqual(decode(configShape, JSON.parse(JSON.stringify(shown))), shown);
      for (const text of [config.created, ...(config.history ?? []).map(({ created_by }) => created_by)])
        assert.ok(text === undefined || typeof text === "string");
    },
  }),
};
