/** What stands in config.json, and lines that it makes a difference to. */
const rows: readonly [config: object | string, lines: readonly string[]][] = [
  [
    { psFormat: "{{.Names}} {{.Image}}" },
    ["ps -a -f name=gone", "ps -aq -f name=nosuch", "ps -a -f name=gone --format x"],
  ],
  [{ imagesFormat: "table {{.Repository}}\t{{.Tag}}" }, ["images busybox", "images -q nosuch"]],
  [
    { networksFormat: "{{.Name}} {{.Driver}}", volumesFormat: "{{.Name}}" },
    ["network ls -f name=net", "volume ls"],
  ],
  [{ statsFormat: "{{.Name}}" }, ["stats --no-stream box"]],
  [{ psFormat: "{{.Nosuch}}" }, ["ps -a"]],
  [
    { pruneFilters: ["label!=keep", "label=mine", "nonsense"] },
    [
      "system prune </dev/null",
      "system prune --filter label=other </dev/null",
      "system prune --filter label=keep --volumes </dev/null",
      "system prune --filter until=1h --filter label!=mine </dev/null",
      "container prune -f --filter label=nosuch",
      "image prune -f",
      "network prune -f --filter label=nosuch",
      "volume prune -f --filter label=nosuch",
    ],
  ],
  [{ pruneFilters: ["until=1h"] }, ["system prune --filter label=a --volumes </dev/null"]],
  [{ pruneFilters: "label=a" }, ["container prune -f --filter label=nosuch"]],
  [{ HttpHeaders: { "X-Meta": "a" } }, ["ps -aq -f name=nosuch"]],
  [{ HttpHeaders: { "X-Meta": 5 } }, ["ps -aq -f name=nosuch"]],
  [{ detachKeys: "ctrl-q,q" }, ["run --rm busybox echo hi"]],
  [{ detachKeys: "nonsense" }, ["run --rm busybox echo hi", "attach gone"]],
  [
    { proxies: { default: { httpProxy: "http://proxy.example:1", noProxy: "a,b" } } },
    [
      "run --rm busybox sh -c 'env | grep -i proxy | sort'",
      "run --rm -e http_proxy=own busybox sh -c 'env | grep -i proxy | sort'",
    ],
  ],
  [{ auths: { "a.example": { auth: "YTpi" } } }, ["logout a.example", "logout b.example"]],
  ["{broken", ["ps -aq -f name=nosuch"]],
];

/** Lines with a config.json of their own, which is written before each. */
export const configLines: readonly string[] = rows.flatMap(([config, lines]) => {
  const content = typeof config === "string" ? config : JSON.stringify(config);
  const write = `(mkdir -p {host}/config; printf %s '${content}' >{host}/config/config.json`;
  return lines.map((line) => `${write}; {} --config {host}/config ${line})`);
});
