/** A configuration that would protect what was discovered, as text, with the reasons. Every source in it passes the schema of its kind. */
import { isWithin } from "@holdfast/base";
import { type Candidate, type Need, SOURCE_KINDS } from "@holdfast/sources";
import { escapePattern } from "@holdfast/engine";
import { stringify } from "yaml";
import { SourceNames } from "./source-names.ts";

/** A source as it is proposed. */
export interface ProposedSource {
  readonly name: string;
  readonly kind: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Lines of comment above it. */
  readonly comments: readonly string[];
  /** It stands there as a comment: whether it is worth it, only the user knows, or this program cannot do it. */
  readonly isCommentedOut: boolean;
}

const WIDTH = 120;
/** What the kind system stores by itself, besides `/etc`. */
const WITH_SYSTEM = ["/usr/local", "/opt", "/var/spool/cron"];

/** One for each candidate that needs one of its own; homes share one. @param has the kinds that there are, by name */
export function proposedSources(
  candidates: readonly Candidate[],
  has: (kind: string) => boolean = (kind) => SOURCE_KINDS.has(kind),
): ProposedSource[] {
  const names = new SourceNames();
  const doubtful = new Set(candidates.filter(isDoubtful).map(({ id }) => id));
  const worthIt = candidates.filter((candidate) => {
    const { criticality, within } = candidate;
    if (criticality === "replaceable") return false;
    if (has("files") && isCopiedWithFiles(candidate, candidates)) return false;
    if (has("system") && isStoredWithSystem(candidate, candidates)) return false;
    // What lies in something that is only a comment is not protected by it.
    return within === undefined || (doubtful.has(within) && criticality !== "normal");
  });
  const homes = worthIt.filter(({ category }) => category === "home");
  const others = worthIt.filter(({ category }) => category !== "home");
  const together = has("files") && homes.length > 1;
  return [
    ...others.map((candidate) => sourceOf(candidate, { names, candidates, has })),
    ...(together
      ? [sourceOf(homesTogether(homes), { names, candidates, has }, "homes")]
      : homes.map((candidate) => sourceOf(candidate, { names, candidates, has }))),
  ];
}

/** The whole file. @param hostname for the comment at its beginning */
export function proposedConfiguration(candidates: readonly Candidate[], hostname: string): string {
  const sources = proposedSources(candidates);
  const live = sources.filter(({ isCommentedOut }) => !isCommentedOut);
  const dormant = sources.filter(({ isCommentedOut }) => isCommentedOut);
  const replaceable = candidates.filter(({ criticality }) => criticality === "replaceable");
  return [
    `# Proposed by \`holdfast discover\` for ${oneLine(hostname)}. Look through it before you use it: what is worth protecting, only you know.`,
    "# Then: holdfast --config FILE config check",
    "version: 1",
    "",
    "# Where copies are kept. Give at least one, with its password in a file of mode 0600.",
    "# repositories:",
    "#   main:",
    "#     location: sftp:backup@nas.example.org:/srv/backup",
    "#     password: { file: /etc/holdfast/main.password }",
    "",
    ...(live.length === 0 ? ["sources: {}"] : ["sources:", ...live.flatMap((source) => rendered(source))]),
    ...(dormant.length === 0
      ? []
      : [
          "",
          "  # Take away the # where it is worth protecting, and complete what is missing.",
          ...dormant.flatMap((source) => rendered(source)),
        ]),
    ...(replaceable.length === 0
      ? []
      : [
          "",
          "# Left out, as it can be had again:",
          ...replaceable.map(({ id, reason }) => comment(`${id}: ${reason}`)),
        ]),
    "",
  ].join("\n");
}

interface Making {
  readonly names: SourceNames;
  readonly candidates: readonly Candidate[];
  readonly has: (kind: string) => boolean;
}

function sourceOf(candidate: Candidate, { names, candidates, has }: Making, name?: string): ProposedSource {
  const { kind, category, title, criticality, reason, evidence, confidence, isAtRest = false } = candidate;
  // A machine that does not run can be captured, a database server cannot.
  const isOff = isDoubtful(candidate) || (isAtRest && category === "database");
  const comments = [
    `${title} (${criticality}): ${reason}`,
    `${confidence}: ${evidence}`,
    ...candidate.needs.flatMap(needLine),
  ];
  const made = { name: name === undefined ? names.of(candidate) : names.unique(name), comments };
  if (!candidate.paths.every((path) => path.isWellFormed())) {
    const why = "its path is not UTF-8, which a configuration cannot hold: back it up by its path on the command line";
    return { ...made, kind, settings: {}, comments: [...comments, why], isCommentedOut: true };
  }
  if (kind !== "command" && has(kind)) {
    const settings = kind === "files" ? withoutOthers(candidate, candidates) : candidate.settings;
    const isUsable = SOURCE_KINDS.get(kind)?.settings.safeParse(settings).success ?? true;
    return { ...made, kind, settings, isCommentedOut: isOff || !isUsable };
  }
  const source = asCommand(candidate, comments);
  return { ...made, ...source, isCommentedOut: isOff || source.isCommentedOut };
}

/** A database of a browser or the like: sources of files copy it consistently, and nobody has questions for it. */
function isCopiedWithFiles({ kind, criticality, paths }: Candidate, candidates: readonly Candidate[]): boolean {
  if (kind !== "sqlite" || criticality !== "normal") return false;
  const homes = candidates.filter(({ category }) => category === "home").flatMap((home) => home.paths);
  return paths.every((path) => homes.some((home) => isWithin(path, home)));
}

/** Sources of the system store local software and crontabs as well. */
function isStoredWithSystem({ kind, paths }: Candidate, candidates: readonly Candidate[]): boolean {
  if (kind !== "files" || !candidates.some((other) => other.kind === "system")) return false;
  return paths.every((path) => WITH_SYSTEM.some((folder) => isWithin(path, folder)));
}

/** Nobody knows whether it is worth anything. */
function isDoubtful({ criticality, confidence }: Candidate): boolean {
  return criticality === "normal" && confidence === "possible";
}

/** Where the kind is not there, or there is none. */
function asCommand(
  candidate: Candidate,
  comments: readonly string[],
): Pick<ProposedSource, "kind" | "settings" | "comments" | "isCommentedOut"> {
  const { kind, command, paths } = candidate;
  const missing = kind === "command" ? [] : [`this version has no sources of the kind ${kind}`];
  if (command !== undefined) {
    const settings = { capture: [...command], output: `${kind}.dump`, "minimum-size": "1k" };
    return { kind: "command", settings, comments: [...comments, ...missing], isCommentedOut: false };
  }
  const [folder] = paths;
  if (kind !== "files" && kind !== "system") {
    const settings = folder === undefined ? { capture: ["PROGRAM"] } : { folder, hooks: { before: ["PROGRAM"] } };
    return {
      kind: "command",
      settings,
      comments: [...comments, ...missing, "PROGRAM stands for what exports it consistently"],
      isCommentedOut: true,
    };
  }
  const { paths: stored = paths } = candidate.settings as { readonly paths?: readonly string[] };
  const settings = { folder: stored[0] ?? "/PATH" };
  // The image of a disk is one file, and no folder.
  const isFolder = stored.length === 1 && candidate.category !== "virtual machine";
  return { kind: "command", settings, comments: [...comments, ...missing], isCommentedOut: !isFolder };
}

/** Files that a source of their own captures would be copied while they change. */
function withoutOthers(
  { paths, settings }: Candidate,
  candidates: readonly Candidate[],
): Readonly<Record<string, unknown>> {
  const inside = candidates
    .filter(
      ({ kind, criticality, category }) =>
        (kind !== "files" && kind !== "system" && kind !== "sqlite" && criticality !== "replaceable") ||
        category === "backup",
    )
    .flatMap((other) => other.paths)
    .filter((path) => paths.some((folder) => path !== folder && isWithin(path, folder)));
  if (inside.length === 0) return settings;
  const { exclude = [] } = settings as { readonly exclude?: readonly string[] };
  return { ...settings, exclude: [...new Set([...exclude, ...inside.map(escapePattern)])] };
}

function homesTogether(homes: readonly Candidate[]): Candidate {
  const [first] = homes as [Candidate];
  const paths = homes.flatMap((home) => home.paths);
  const titles = homes.map(({ title }) => title.replace(/^home of /, ""));
  return { ...first, title: `homes of ${titles.join(", ")}`, paths, settings: { ...first.settings, paths } };
}

function needLine({ what, detail, isThere, package: debian }: Need): string[] {
  if (what !== "tool") return [`needs ${what === "preparation" ? "" : `${what}: `}${detail}`];
  if (isThere === true) return [];
  return [
    `needs the program ${detail}${debian === undefined ? "" : ` (Debian package ${debian})`}, which is not installed`,
  ];
}

function rendered({ name, kind, settings, comments, isCommentedOut }: ProposedSource): string[] {
  const yaml = stringify({ [name]: { kind, ...settings } }, { lineWidth: WIDTH, indent: 2 })
    .trimEnd()
    .split("\n");
  return [
    ...comments.map((text) => `  ${comment(text)}`),
    ...yaml.map((line) => (isCommentedOut ? `  # ${line}` : `  ${line}`)),
  ];
}

function comment(text: string): string {
  return `# ${oneLine(text)}`;
}

/** What others have named must not end a comment. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu, "?");
}
