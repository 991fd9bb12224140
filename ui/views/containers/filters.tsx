import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { useWords } from "../../languages/language.ts";
import { nameOf, projectOf } from "../../live/containers.ts";
import { compareText } from "../../parts/columns.ts";
import { setQuery, usePlace } from "../../router.ts";

type Query = Readonly<Record<string, string>>;

const networksOf = ({ NetworkSettings }: ContainerSummary) => Object.keys(NetworkSettings?.Networks ?? {});

/** Which containers an address's query is about. */
export function filterContainers(
  all: readonly ContainerSummary[],
  query: Query,
): readonly ContainerSummary[] {
  const { q = "", state = "", project = "", network = "", label = "" } = query;
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const [key = "", value] = label.split("=", 2);
  return all.filter((one) => {
    if (state && (state === "unhealthy" ? !/\(unhealthy\)/.test(one.Status) : one.State !== state))
      return false;
    if (project && projectOf(one) !== project) return false;
    if (network && !networksOf(one).includes(network)) return false;
    if (key && !(Object.hasOwn(one.Labels, key) && (value === undefined || one.Labels[key] === value)))
      return false;
    if (words.length === 0) return true;
    const text = `${nameOf(one)} ${one.Image} ${one.Id} ${one.Command} ${one.Status}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The search and the filters above the table. They are in the address, so that a view can be sent as a link. */
export function Filters({ all }: { all: readonly ContainerSummary[] }) {
  const t = useWords();
  const { query } = usePlace();
  const distinct = (values: string[]) => [...new Set(values.filter(Boolean))].sort(compareText);
  const states = distinct([...all.map(({ State }) => State), ...(all.some(isSick) ? ["unhealthy"] : [])]);
  return (
    <search class="filters">
      <input
        type="search"
        placeholder={t.search}
        aria-label={t.search}
        value={query.q ?? ""}
        onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
      />
      <Choice name="state" label={t.state} any={t.anyState} values={states} />
      <Choice name="project" label={t.project} any={t.anyProject} values={distinct(all.map(projectOf))} />
      <Choice
        name="network"
        label={t.network}
        any={t.anyNetwork}
        values={distinct(all.flatMap(networksOf))}
      />
      <input
        type="text"
        class="label-filter"
        placeholder={`${t.labelFilter}: ${t.labelFilterHint}`}
        aria-label={t.labelFilter}
        value={query.label ?? ""}
        onInput={({ currentTarget }) => setQuery({ label: currentTarget.value })}
      />
    </search>
  );
}

const isSick = ({ Status }: ContainerSummary) => /\(unhealthy\)/.test(Status);

interface ChoiceProps {
  name: "state" | "project" | "network";
  label: string;
  any: string;
  values: readonly string[];
}

function Choice({ name, label, any, values }: ChoiceProps) {
  const { query } = usePlace();
  const chosen = query[name] ?? "";
  if (values.length < 2 && !chosen) return null;
  return (
    <select
      aria-label={label}
      value={chosen}
      onChange={({ currentTarget }) => setQuery({ [name]: currentTarget.value })}
    >
      <option value="">{any}</option>
      {[...new Set([...values, ...(chosen ? [chosen] : [])])].map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
    </select>
  );
}
