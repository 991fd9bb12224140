import { conflict, invalid } from "../errors.ts";
import type { ApiRequest, Reply } from "./request.ts";

/** BuildKit's API: the client speaks first. */
export function grpc(request: ApiRequest): undefined {
  const { buildDoor } = request.engine;
  buildDoor.serve(request.upgradeTo("h2c"));
}

/** What the client gives to its builds: the engine speaks first. @throws EngineError invalid, conflict */
export function session(request: ApiRequest): undefined {
  const { sessions } = request.engine.buildDoor;
  const { rawHeaders } = request.input;
  const prefix = "x-docker-expose-session-";
  const values = (name: string) =>
    rawHeaders.filter(
      (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === prefix + name,
    );
  const [id = ""] = values("uuid");
  if (id === "" || id.length > 256) throw invalid("the session has no id");
  if (sessions.isThere(id)) throw conflict("session ID already exists");
  const offer = {
    id,
    sharedKey: values("sharedkey")[0] ?? "",
    methods: new Set(values("grpc-method").map((method) => method.toLowerCase())),
  };
  sessions.open(offer, request.upgradeTo("h2c"));
}

/** Builds of clients that say it with `version=2` end with their connection; there is none to be found by its id. @throws EngineError invalid */
export function cancel(request: ApiRequest): Reply {
  if (request.text("id") === "") throw invalid("build ID not provided");
  return { status: 200 };
}
