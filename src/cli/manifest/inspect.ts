import { isIndex, mediaTypes, parseManifest } from "../../formats/oci-manifest.ts";
import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool } from "../flag.ts";
import { describeMember, encodeList, type Member, openDrafts } from "./draft.ts";
import { fetchMember, openRemote, type Remote, wantedOf } from "./remote.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  arity: [1, 2],
  flags: {
    insecure: bool("", "Allow communication with an insecure registry"),
    verbose: bool("v", "Output additional info including layers and platform"),
  },
  async run({ cli, flags, args }) {
    const [name = "", listName] = args.toReversed();
    const drafts = openDrafts(cli);
    const reference = withDefaultTag(parseReference(name));
    if (listName !== undefined) {
      const list = formatReference(withDefaultTag(parseReference(listName)));
      const member = drafts.find(list)?.find(({ ref }) => ref === formatReference(reference));
      if (!member) throw new ExitError(1, `No such manifest: ${formatReference(reference)}`);
      printMember(cli, member, flags.verbose);
      return 0;
    }
    const draft = drafts.find(formatReference(reference));
    if (draft) {
      if (flags.verbose) printJson(cli, draft.map(describeFully));
      else cli.print(encodeList(draft).text);
      return 0;
    }
    const remote = openRemote(cli, flags.insecure);
    try {
      await inspectRemote(cli, remote, name, flags.verbose);
    } finally {
      await remote.close();
    }
    return 0;
  },
});

async function inspectRemote(cli: Cli, remote: Remote, name: string, isVerbose: boolean): Promise<void> {
  const reference = withDefaultTag(parseReference(name));
  const repository = await remote.repository(reference);
  const { text } = await repository.getManifest(wantedOf(reference));
  const manifest = parseManifest(text);
  if (!isIndex(manifest)) {
    if (isVerbose) printMember(cli, await fetchMember(remote, reference), true);
    else printJson(cli, JSON.parse(text));
  } else if (!isVerbose) cli.print(JSON.stringify(JSON.parse(text), null, 3));
  else {
    const { tag: _tag, ...untagged } = reference;
    const members: object[] = [];
    for (const { digest, platform } of manifest.manifests) {
      const member = await fetchMember(remote, { ...untagged, digest });
      members.push(describeFully({ ...member, platform: { ...member.platform, ...platform } }));
    }
    printJson(cli, members);
  }
}

function printMember(cli: Cli, member: Member, isVerbose: boolean): void {
  printJson(cli, isVerbose ? describeFully(member) : JSON.parse(member.text));
}

function describeFully(member: Member): object {
  const kind = member.mediaType === mediaTypes.manifest ? "OCIManifest" : "SchemaV2Manifest";
  return { Ref: member.ref, Descriptor: describeMember(member), [kind]: JSON.parse(member.text) };
}

function printJson(cli: Cli, value: unknown): void {
  cli.print(JSON.stringify(value, null, "\t"));
}
