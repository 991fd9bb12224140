import { useState } from "preact/hooks";
import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { at, get, post } from "../../api/call.ts";
import { useWords } from "../../languages/language.ts";
import { useTraits } from "../../live/traits.ts";
import { attempt, tell } from "../../parts/notices.tsx";
import { Choice, Rows, TextField } from "../run/fields.tsx";
import { emptyForm, findMistakes, formOf, type RunForm } from "../run/form.ts";
import { limitChanges } from "./limit-changes.ts";
import { portChanges } from "./port-changes.ts";
import type { TabProps } from "./tab.ts";

/** What can be changed of a container that is there. */
export function EditTab({ container }: TabProps) {
  const isBerth = useTraits()?.isBerth ?? false;
  return (
    <div class="sections scrolls">
      <Limits container={container} />
      {isBerth && <PublishedPorts container={container} />}
    </div>
  );
}

function Mistakes({ texts }: { texts: readonly string[] }) {
  return (
    <>
      {texts.map((text) => (
        <p key={text} class="failure" role="alert">
          {text}
        </p>
      ))}
    </>
  );
}

function Limits({ container }: TabProps) {
  const t = useWords();
  const [base, setBase] = useState<RunForm>(() => formOf(container, {}));
  const [form, setForm] = useState<RunForm>(base);
  const isEmptied = (name: "memory" | "cpus") => base[name].trim() !== "" && form[name].trim() === "";
  const mistakes = [
    ...findMistakes({ ...emptyForm, memory: form.memory, cpus: form.cpus }, t),
    ...(isEmptied("memory") || isEmptied("cpus") ? [t.limitStays] : []),
  ];
  async function update(): Promise<void> {
    const body = limitChanges(base, form, container.HostConfig);
    if (!(await attempt(t.update, () => post(`/containers/${at(container.Id)}/update`, {}, body)))) return;
    setBase(form);
    tell(t.updated);
  }
  return (
    <form
      class="panel"
      aria-label={t.editLimits}
      onSubmit={(event) => {
        event.preventDefault();
        void update();
      }}
    >
      <h2>{t.editLimits}</h2>
      <div class="run-fields">
        <TextField
          label={t.memoryLimit}
          value={form.memory}
          hint={t.memoryHint}
          onChange={(memory) => setForm({ ...form, memory })}
        />
        <TextField
          label={t.cpuLimit}
          value={form.cpus}
          hint={t.cpuHint}
          onChange={(cpus) => setForm({ ...form, cpus })}
        />
        <Choice
          label={t.restartPolicy}
          value={form.restart}
          onChange={(value) => setForm({ ...form, restart: value as RunForm["restart"] })}
          options={[
            ["no", t.policyNo],
            ["on-failure", t.policyOnFailure],
            ["always", t.policyAlways],
            ["unless-stopped", t.policyUnlessStopped],
          ]}
        />
      </div>
      <Mistakes texts={mistakes} />
      <button type="submit" class="primary" disabled={mistakes.length > 0}>
        {t.update}
      </button>
    </form>
  );
}

const portsOf = (container: ContainerInspect) => formOf(container, {}).ports;

/** berth publishes ports of a container that runs. */
function PublishedPorts({ container }: TabProps) {
  const t = useWords();
  const [base, setBase] = useState<readonly string[]>(() => portsOf(container));
  const [ports, setPorts] = useState<string[]>(() => portsOf(container));
  const [isBusy, setBusy] = useState(false);
  const mistakes = findMistakes({ ...emptyForm, ports }, t);
  async function change(): Promise<void> {
    const path = `/containers/${at(container.Id)}`;
    const readPorts = async () => portsOf(await get<ContainerInspect>(`${path}/json`));
    await post(`/berth${path}/ports`, {}, portChanges(base, ports, await readPorts()));
    tell(t.updated);
    const published = await readPorts();
    setBase(published);
    setPorts(published);
  }
  async function submit(): Promise<void> {
    setBusy(true);
    await attempt(t.update, change);
    setBusy(false);
  }
  return (
    <form
      class="panel"
      aria-label={t.editPorts}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void submit();
      }}
    >
      <h2>{t.editPorts}</h2>
      <p class="muted">{t.editPortsHint}</p>
      <div inert={isBusy}>
        <Rows label={t.publishPorts} hint={t.portHint} values={ports} onChange={setPorts} />
      </div>
      <Mistakes texts={mistakes} />
      <button type="submit" class="primary" disabled={mistakes.length > 0 || isBusy}>
        {t.update}
      </button>
    </form>
  );
}
