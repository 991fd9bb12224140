import { useState } from "preact/hooks";
import type { NetworkInspect } from "../../../src/formats/docker-api/docker-api-objects.ts";
import { at, call, post } from "../../api/call.ts";
import { useWords, words } from "../../languages/language.ts";
import { containers, nameOf } from "../../live/containers.ts";
import { useResource } from "../../live/resource.ts";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { TextTable } from "../../parts/facts.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { addressOf, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { Drawing } from "./drawing.tsx";
import { isOnNetwork } from "./members.ts";

const builtIn = ["bridge", "host", "none"];

/** The networks as a drawing, and each with what is connected. */
export function NetworksView() {
  const t = useWords();
  const { parts } = usePlace();
  const networks = useResource<NetworkInspect[]>("/networks", ["network"]);
  const all = useStore(containers) ?? [];
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [isCreating, setCreating] = useState(false);
  return (
    <section class="view scrolls">
      <header class="view-head">
        <h1>{t.networks}</h1>
        {!isReadOnly && (
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            <Icon name="plus" /> {t.createNetwork}
          </button>
        )}
      </header>
      <Loaded of={networks}>
        {(found) => {
          const sorted = [...found].sort((a, b) => (a.Name < b.Name ? -1 : 1));
          const named = sorted.filter(
            ({ Id, Name }) => !parts[1] || Id.startsWith(parts[1]) || Name === parts[1],
          );
          return (
            <>
              <Drawing networks={named} containers={all} />
              <div class="sections">
                {named.map((network) => (
                  <Network key={network.Id} network={network} isReadOnly={isReadOnly} />
                ))}
              </div>
            </>
          );
        }}
      </Loaded>
      {isCreating && <CreateDialog onClose={() => setCreating(false)} />}
    </section>
  );
}

function Network({ network, isReadOnly }: { network: NetworkInspect; isReadOnly: boolean }) {
  const t = useWords();
  const { Id, Name, Driver, IPAM, Internal } = network;
  const all = useStore(containers) ?? [];
  const members = all.filter((one) => isOnNetwork(one, Name));
  const free = all.filter((one) => !members.includes(one));
  const subnets = (IPAM.Config ?? []).map(({ Subnet }) => Subnet).filter(Boolean);
  return (
    <section class="panel" aria-label={Name}>
      <header class="panel-head">
        <h2>
          {Name}{" "}
          <span class="muted">{[Driver, ...subnets, ...(Internal ? [t.internal] : [])].join(" · ")}</span>
        </h2>
        {!isReadOnly && Driver !== "host" && Driver !== "null" && free.length > 0 && (
          <select
            aria-label={`${t.connectTo}: ${Name}`}
            value=""
            onChange={({ currentTarget }) => void connect(Id, currentTarget.value)}
          >
            <option value="">{t.connectTo}</option>
            {free.map((one) => (
              <option key={one.Id} value={one.Id}>
                {nameOf(one)}
              </option>
            ))}
          </select>
        )}
        {!isReadOnly && !builtIn.includes(Name) && (
          <button
            type="button"
            class="icon-button"
            aria-label={`${t.remove} ${Name}`}
            title={t.remove}
            onClick={() => void remove(network)}
          >
            <Icon name="remove" />
          </button>
        )}
      </header>
      {members.length > 0 && (
        <TextTable
          label={Name}
          head={[t.name, t.address, t.aliases, ""]}
          rows={members.map((one) => {
            const end = one.NetworkSettings.Networks[Name];
            return [
              <Link key="name" to={addressOf(["containers", one.Id.slice(0, 12)])}>
                {nameOf(one)}
              </Link>,
              [end?.IPAddress, end?.GlobalIPv6Address].filter(Boolean).join(" ") || "–",
              (end?.Aliases ?? []).join(" "),
              !isReadOnly && (
                <button key="leave" type="button" class="quiet" onClick={() => void disconnect(Id, one.Id)}>
                  {t.disconnect}
                </button>
              ),
            ];
          })}
        />
      )}
    </section>
  );
}

const connect = (network: string, container: string) =>
  attempt(words().connect, () => post(`/networks/${at(network)}/connect`, {}, { Container: container }));

const disconnect = (network: string, container: string) =>
  attempt(words().disconnect, () =>
    post(`/networks/${at(network)}/disconnect`, {}, { Container: container }),
  );

async function remove({ Id, Name }: NetworkInspect): Promise<void> {
  const t = words();
  const answer = await confirm({
    title: t.removeNetworks(1),
    loss: t.removeNetworksLoss,
    names: [Name],
    action: t.remove,
  });
  if (answer) await attempt(t.remove, () => call("DELETE", `/networks/${at(Id)}`));
}

function CreateDialog({ onClose }: { onClose(): void }) {
  const t = useWords();
  const [fields, setFields] = useState({ Name: "", Driver: "bridge", Subnet: "", Internal: false });
  async function create(): Promise<void> {
    const { Name, Driver, Subnet, Internal } = fields;
    const IPAM = Subnet ? { Config: [{ Subnet }] } : undefined;
    if (
      await attempt(t.createNetwork, () =>
        post("/networks/create", {}, { Name, Driver, Internal, ...(IPAM && { IPAM }) }),
      )
    )
      onClose();
  }
  return (
    <Dialog title={t.createNetwork} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <label class="field">
          <span>{t.name}</span>
          <input
            type="text"
            required
            value={fields.Name}
            onInput={({ currentTarget }) => setFields({ ...fields, Name: currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{t.driver}</span>
          <input
            type="text"
            value={fields.Driver}
            onInput={({ currentTarget }) => setFields({ ...fields, Driver: currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{t.subnet}</span>
          <input
            type="text"
            placeholder="10.20.0.0/24"
            value={fields.Subnet}
            onInput={({ currentTarget }) => setFields({ ...fields, Subnet: currentTarget.value })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={fields.Internal}
            onChange={({ currentTarget }) => setFields({ ...fields, Internal: currentTarget.checked })}
          />
          {t.internal}
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="primary">
            {t.create}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
