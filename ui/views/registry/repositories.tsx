import { useState } from "preact/hooks";
import { at } from "../../api/call.ts";
import { useWords } from "../../languages/language.ts";
import { compareText } from "../../parts/columns.ts";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { Table } from "../../parts/table.tsx";
import { addressOf, go } from "../../router.ts";
import type { RegistryLogin } from "../images/reference.ts";
import { useRegistry } from "./ask.ts";

interface Listed {
  Repositories: string[];
  More: boolean;
}

export function Repositories({ host, login }: { host: string; login: RegistryLogin }) {
  const t = useWords();
  const [filter, setFilter] = useState("");
  const listed = useRegistry<Listed>(`/berth/registries/${at(host)}/repositories`, {}, host, login);
  const addressFor = (repository: string) => addressOf(["registry"], { host, repository });
  return (
    <Loaded of={listed}>
      {({ Repositories: names, More }) => (
        <>
          <search class="filters">
            <SearchField label={t.search} value={filter} onChange={setFilter} />
            {More && <span class="muted">{t.moreRepositories}</span>}
          </search>
          <Table<string>
            label={t.repositories}
            rows={names.filter((name) => name.includes(filter))}
            keyOf={(name) => name}
            nameOf={(name) => name}
            initialSort={{ column: "name", isDown: false }}
            onOpen={(name) => go(addressFor(name))}
            empty={names.length > 0 ? t.nothingFound : t.noRepositories}
            columns={[
              {
                ...{ name: "name", title: t.repositories, width: 200, grow: 1, rank: 0 },
                compare: compareText,
                cell: (name) => <Link to={addressFor(name)}>{name}</Link>,
              },
            ]}
          />
        </>
      )}
    </Loaded>
  );
}
