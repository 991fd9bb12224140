import { formatValue, type Row, type Verdict } from "./results.ts";

interface Goal {
  text: string;
  /** Row, and the row or engine it is compared with. */
  row: string;
  against: { engine: string } | { row: string } | { value: number };
  /** The row may be at most this many times what it is compared with. */
  atMost: number;
}

const dockerd = { engine: "dockerd" };

const eventLoopGoals = [
  "a container floods its output",
  "a container writes 1000 MB",
  "`logs` of 1000 MB",
  "`save` of a big image",
  "ten times 100 `inspect` at once",
].map((what): Goal => {
  const row = `longest stop of an event loop, ${what}`;
  return {
    text: `no event loop stands still for more than 10 ms: ${what}`,
    row,
    against: { value: 10 },
    atMost: 1,
  };
});

const full = "5000 images and 10000 stopped containers";

const fullStoreWork = [
  ...["`ps -a`", "`images`", "`system df`", "removal"],
  ...["`container prune` of a tenth", "`image prune` of a tenth"],
];

const fullStoreGoals: Goal[] = [
  ["the daemon starts within 3 s", `start of the daemon, ${full}`, 3000],
  ["`ps -a` is answered within 300 ms", `\`GET /containers/json?all=1\`, ${full}`, 300],
  ["`berth ps -a` within 300 ms", `\`berth ps -a\`, ${full}`, 300],
  ...fullStoreWork.map((what): [string, string, number] => {
    const row = `longest stop of an event loop, ${what}, ${full}`;
    return [`no event loop stands still for more than 10 ms: ${what}`, row, 10];
  }),
].map(([text, row, value]) => ({
  text: `${text}, with ${full}`,
  row: String(row),
  against: { value: Number(value) },
  atMost: 1,
}));

const networkGoals: Goal[] = [
  {
    text: "a network is made and removed in at most 1/5 of dockerd's time",
    row: "network create and remove",
    against: dockerd,
    atMost: 1 / 5,
  },
  {
    text: "a start in a user network takes at most 1.15 times one on the default bridge",
    row: "start in a user network",
    against: { row: "start on the default bridge" },
    atMost: 1.15,
  },
  {
    text: "connect and disconnect take at most 1/3 of dockerd's time",
    row: "connect and disconnect of a running container",
    against: dockerd,
    atMost: 1 / 3,
  },
  {
    text: "names are answered at dockerd's speed, or faster",
    row: "1000 names answered, 50 under way",
    against: dockerd,
    atMost: 1,
  },
  ...[
    "4 GiB from container to container",
    "4 GiB through a published port",
    "3000 connections through a published port",
  ].map((row): Goal => ({ text: `no slower than dockerd: ${row}`, row, against: dockerd, atMost: 1.05 })),
  {
    text: "a start beside 300 containers of its network takes at most 1.2 times the first one",
    row: "start in a network with 300 containers, beside 200 others",
    against: { row: "start in a network, the first of it" },
    atMost: 1.2,
  },
  {
    text: "`network ls` within 50 ms, of 200 networks",
    row: "ls of 200 networks",
    against: { value: 50 },
    atMost: 1,
  },
  {
    text: "`network inspect` within 50 ms, of one with 300 containers",
    row: "inspect of a network with 300 containers",
    against: { value: 50 },
    atMost: 1,
  },
];

const watcherGoals: Goal[] = [
  {
    text: "500 containers' stats take less than 5 % of a processor",
    row: "processor for the stats of 500 containers",
    against: { value: 5 },
    atMost: 1,
  },
  {
    text: "200 health checks a second take less than 15 % of a processor more than the checks themselves",
    row: "processor for a health check, without the check's own",
    against: { value: 150 / 200 },
    atMost: 1,
  },
  {
    text: "5000 idle connections and 500 followers take at most 60 MB",
    row: "memory for 5000 idle connections and 500 followers (PSS)",
    against: { value: 60 },
    atMost: 1,
  },
];

const pageGoals: Goal[] = [
  ["the first view of the page within 300 ms", "first view of the page", 300],
  ["no task of the page above 50 ms while it scrolls", "tasks above 50 ms in it", 0],
  ["fewer than 2000 nodes in the document", "nodes in the document", 2000],
  ["the page's server takes at most 10 % of a processor", "processor of the page's server", 10],
].map(([text, row, value]) => ({
  ...{ text: String(text), against: { value: Number(value) }, atMost: 1 },
  row: `${row}${value === 300 ? "" : ", 500 running and 500 stopped containers"}`,
}));

const buildGoals: Goal[] = [
  ...[
    ["rebuild of 15 steps, all cached, context of 200 MB", 1],
    ["rebuild of 15 steps, one file changed, context of 200 MB", 1],
    ["build of 6 RUN steps", 2 / 3],
    ["one RUN step of them", 1 / 3],
    ["build of four stages", 2 / 3],
    ["COPY of 10000 files", 1],
    ["ADD of an archive of 200 MB", 1],
    ["10 builds at once", 1],
    ["rebuild of 15 steps by the classic API, all cached", 1 / 5],
  ].map(
    ([row, atMost]): Goal => ({
      text: `at most ${atMost === 1 ? "BuildKit's time" : `${Number(atMost).toFixed(2)} of it`}: ${row}`,
      ...{ row: String(row), against: dockerd, atMost: Number(atMost) },
    }),
  ),
  {
    text: "builds take at most 150 MB above idle",
    row: "memory above idle meanwhile (PSS)",
    against: { value: 150 },
    atMost: 1,
  },
];

const goals: Goal[] = [
  ...buildGoals,
  ...watcherGoals,
  ...pageGoals,
  ...networkGoals,
  {
    text: "`run` takes at most 1/5 of dockerd's time",
    row: "`run --rm busybox true`",
    against: dockerd,
    atMost: 1 / 5,
  },
  {
    text: "`run` without network takes at most 1/5 of dockerd's time",
    row: "`run --rm --network none busybox true`",
    against: dockerd,
    atMost: 1 / 5,
  },
  {
    text: "`exec` takes at most 1/2 of dockerd's time",
    row: "`exec one true`",
    against: dockerd,
    atMost: 1 / 2,
  },
  {
    text: "memory per container is at most 1/10 of dockerd's",
    row: "memory per idle container (PSS)",
    against: dockerd,
    atMost: 1 / 10,
  },
  {
    text: "at most 600 kB per idle container",
    row: "memory per idle container (PSS)",
    against: { value: 600 },
    atMost: 1,
  },
  {
    text: "a start with 500 running takes at most 1.2 × that with none",
    row: "`run -d`, 500 running",
    against: { row: "`run -d`, none running" },
    atMost: 1.2,
  },
  {
    text: "50 starts ten at a time take at most 60 % of one by one",
    row: "start of 50, ten at a time",
    against: { row: "start of 50, one by one" },
    atMost: 0.6,
  },
  {
    text: "daemon and supervisor at rest: at most 140 MB",
    row: "memory at rest (PSS)",
    against: { value: 140 },
    atMost: 1,
  },
  { text: "0.0x % processor at rest", row: "processor at rest", against: { value: 0.1 }, atMost: 1 },
  {
    text: "`ps` beside a flood within 3 × its idle time",
    row: "`ps`, beside a container that floods its output",
    against: { row: "`ps`, nothing else" },
    atMost: 3,
  },
  {
    text: "`exec` beside a flood within 3 × its idle time",
    row: "`exec`, beside a container that floods its output",
    against: { row: "`exec`, nothing else" },
    atMost: 3,
  },
  {
    text: "`attach` beside a flood within 3 × its idle time",
    row: "a line through `attach` and back, beside a container that floods its output",
    against: { row: "a line through `attach` and back, nothing else" },
    atMost: 3,
  },
  {
    text: "`berth ps` at most 60 ms where `node -e 0` takes 26 (2.3 ×)",
    row: "`berth ps`, the bundle",
    against: { row: "`node -e 0`" },
    atMost: 60 / 26,
  },
  {
    text: "daemon and supervisor one minute after work: at most 140 MB",
    row: "memory one minute after work (PSS)",
    against: { value: 140 },
    atMost: 1,
  },
  {
    text: "at most 5 MB more after a soak than after its first 2000 runs",
    row: "— more than after the first 2000",
    against: { value: 5 },
    atMost: 1,
  },
  ...["a loaded Debian image", "its files, imported", "a commit of 100 MB", "all these builds"].map(
    (what) => ({
      text: `disk for ${what}: at most 1.1 × dockerd's`,
      row: `disk for ${what}`,
      against: dockerd,
      atMost: 1.1,
    }),
  ),
  ...fullStoreGoals,
  ...eventLoopGoals,
  {
    text: "`pull` of 21 layers takes at most 1/3 of dockerd's time",
    row: "`pull` of 21 layers",
    against: dockerd,
    atMost: 1 / 3,
  },
  {
    text: "`pull` of one layer takes at most 2/3 of dockerd's time",
    row: "`pull` of one layer of 170 MB",
    against: dockerd,
    atMost: 2 / 3,
  },
  {
    text: "a pull takes at most 150 MB above idle",
    row: "memory above idle while pulling (PSS)",
    against: { value: 150 },
    atMost: 1,
  },
];

/** Sets the goals beside what was seen; a goal whose figures are not there is left out. */
export function judge(rows: Row[]): Verdict[] {
  return goals.flatMap(({ text, row: name, against, atMost }) => {
    const row = rows.find((one) => one.name === name);
    const seen = row?.values.berth;
    const other =
      "value" in against
        ? against.value
        : "engine" in against
          ? row?.values[against.engine]
          : rows.find((one) => one.name === against.row)?.values.berth;
    if (!row || seen === undefined || other === undefined) return [];
    const compared = `${formatValue(row, seen)} to ${formatValue(row, other)}: ${(seen / other).toFixed(2)}, goal ${atMost.toFixed(2)}`;
    return [{ goal: text, seen: compared, met: seen <= other * atMost }];
  });
}
