import { useEffect, useState } from "preact/hooks";
import type {
  ContainerInspect,
  ImageInspect,
  ImageSummary,
} from "../../../src/formats/docker-api/docker-api.ts";
import type { NetworkInspect } from "../../../src/formats/docker-api/docker-api-objects.ts";
import { at, atImage, get, post } from "../../api/call.ts";
import { Failure } from "../../api/failure.ts";
import { useWords, words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { Icon } from "../../parts/icon.tsx";
import { attempt, complain, tell } from "../../parts/notices.tsx";
import { addressOf, go, usePlace } from "../../router.ts";
import { tagsOf } from "../images/images.tsx";
import { Progress, useProgress } from "../images/pull.tsx";
import { splitReference } from "../images/reference.ts";
import { Choice, Rows, Switch, TextField } from "./fields.tsx";
import { createBody, emptyForm, findMistakes, formatCommand, formOf, type RunForm } from "./form.ts";
import { findLeftOut } from "./left-out.ts";

/** `docker run` as a form, which shows the command line that does the same. */
export function RunView() {
  const t = useWords();
  const { query } = usePlace();
  const isBerth = useTraits()?.isBerth ?? true;
  const [form, setForm] = useState<RunForm>({ ...emptyForm, image: query.image ?? "" });
  const [leftOut, setLeftOut] = useState<string[]>([]);
  const progress = useProgress();
  const mistakes = findMistakes(form, t);
  const command = formatCommand(form, isBerth ? "berth" : "docker");
  useEffect(() => {
    if (!query.from) return;
    const fill = async (id: string) => {
      const found = await fillFrom(id);
      setForm(found.form);
      setLeftOut(found.leftOut);
    };
    fill(query.from).catch((error: unknown) => complain(t.duplicate, error));
  }, [query.from]);

  async function run(isStarted: boolean): Promise<void> {
    const create = () =>
      post<{ Id: string }>("/containers/create", { name: form.name.trim() || undefined }, createBody(form));
    await attempt(t.run, async () => {
      const { Id } = await create().catch(async (error: unknown) => {
        if (!(error instanceof Failure) || error.status !== 404 || !/image/i.test(error.message)) throw error;
        const { repository, tag } = splitReference(form.image.trim());
        if (!(await progress.run("/images/create", { fromImage: repository, tag }))) throw error;
        return create();
      });
      // It is there, whether it starts or not.
      go(addressOf(["containers", Id.slice(0, 12), ...(isStarted ? ["logs"] : [])]));
      if (isStarted) await post(`/containers/${at(Id)}/start`);
    });
  }

  return (
    <section class="view scrolls">
      <header class="view-head">
        <h1>{t.runTitle}</h1>
      </header>
      <form
        class="panel run-form"
        onSubmit={(event) => {
          event.preventDefault();
          void run(true);
        }}
      >
        {leftOut.length > 0 && <p role="note">{t.notCarriedOver(leftOut.join(", "))}</p>}
        <Main form={form} setForm={setForm} />
        <Lists form={form} setForm={setForm} />
        <More form={form} setForm={setForm} />
        <div class="command">
          <span class="muted">{t.equivalentCommand}</span>
          <pre>{command}</pre>
          <button
            type="button"
            class="icon-button"
            aria-label={t.copy}
            title={t.copy}
            onClick={() => void navigator.clipboard?.writeText(command).then(() => tell(t.copied))}
          >
            <Icon name="copy" />
          </button>
        </div>
        {mistakes.map((text) => (
          <p key={text} class="failure" role="alert">
            {text}
          </p>
        ))}
        <Progress of={progress} />
        <div class="form-foot">
          <button
            type="button"
            disabled={progress.isRunning || mistakes.length > 0 || !form.image.trim()}
            onClick={() => void run(false)}
          >
            {t.createOnly}
          </button>
          <button
            type="submit"
            class="primary"
            disabled={progress.isRunning || mistakes.length > 0 || !form.image.trim()}
          >
            {t.runNow}
          </button>
        </div>
      </form>
    </section>
  );
}

async function fillFrom(id: string): Promise<{ form: RunForm; leftOut: string[] }> {
  const container = await get<ContainerInspect>(`/containers/${at(id)}/json`);
  const image = await get<ImageInspect>(`/images/${atImage(container.Image)}/json`).catch(() => undefined);
  const ofImage = image?.Config ?? {};
  return { form: formOf(container, ofImage), leftOut: findLeftOut(container, ofImage) };
}

export interface PartProps {
  form: RunForm;
  setForm(form: RunForm): void;
}

function Main({ form, setForm }: PartProps) {
  const t = useWords();
  const images = useResource<ImageSummary[]>("/images/json", ["image"]);
  const networks = useResource<NetworkInspect[]>("/networks", ["network"]);
  const set = (name: keyof RunForm) => (value: string) => setForm({ ...form, [name]: value });
  return (
    <div class="run-fields">
      <TextField
        label={t.image}
        value={form.image}
        onChange={set("image")}
        hint={t.imageReferenceHint}
        suggestions={(images.value ?? []).flatMap(tagsOf)}
      />
      <TextField label={t.containerName} value={form.name} onChange={set("name")} />
      <TextField label={t.commandLine} value={form.command} onChange={set("command")} isMono />
      <Choice
        label={t.network}
        value={form.network}
        onChange={set("network")}
        options={[
          ["", "bridge"],
          ...(networks.value ?? [])
            .filter(({ Name }) => Name !== "bridge")
            .map(({ Name }) => [Name, Name] as const),
        ]}
      />
      <Choice
        label={t.restartPolicy}
        value={form.restart}
        onChange={set("restart")}
        options={[
          ["no", t.policyNo],
          ["on-failure", t.policyOnFailure],
          ["always", t.policyAlways],
          ["unless-stopped", t.policyUnlessStopped],
        ]}
      />
      <div>
        <Switch
          label={t.interactive}
          isOn={form.isInteractive}
          onChange={(isInteractive) => setForm({ ...form, isInteractive })}
        />
        <Switch
          label={t.removeWhenStopped}
          isOn={form.isRemoved}
          onChange={(isRemoved) => setForm({ ...form, isRemoved })}
        />
      </div>
    </div>
  );
}

function Lists({ form, setForm }: PartProps) {
  const t = useWords();
  const set = (name: keyof RunForm) => (values: string[]) => setForm({ ...form, [name]: values });
  return (
    <div class="run-fields">
      <Rows label={t.publishPorts} hint={t.portHint} values={form.ports} onChange={set("ports")} />
      <Rows label={t.volumesAndFolders} hint={t.mountHint} values={form.mounts} onChange={set("mounts")} />
      <Rows label={t.environmentVariables} hint={t.environmentHint} values={form.env} onChange={set("env")} />
      <Rows label={t.labels} hint={t.labelsHint} values={form.labels} onChange={set("labels")} />
    </div>
  );
}

function More({ form, setForm }: PartProps) {
  const t = words();
  const set = (name: keyof RunForm) => (value: string) => setForm({ ...form, [name]: value });
  return (
    <details>
      <summary>{t.moreOptions}</summary>
      <div class="run-fields">
        <TextField label={t.memoryLimit} value={form.memory} onChange={set("memory")} hint={t.memoryHint} />
        <TextField label={t.cpuLimit} value={form.cpus} onChange={set("cpus")} hint={t.cpuHint} />
        <TextField label={t.user} value={form.user} onChange={set("user")} />
        <TextField label={t.workingDirectory} value={form.workdir} onChange={set("workdir")} />
        <TextField label={t.hostName} value={form.hostname} onChange={set("hostname")} />
        <Switch
          label={t.privileged}
          isOn={form.isPrivileged}
          onChange={(isPrivileged) => setForm({ ...form, isPrivileged })}
        />
      </div>
    </details>
  );
}
