/** Git repositories with what no remote has. */
import type { Finding } from "../candidate.ts";
import type { GitRepository } from "../host/git-repository.ts";
import type { HostView } from "../host/host-view.ts";

const UNKNOWN = "what is not committed yet is not looked at";

/** One for each; those that are at a remote in full are replaceable. */
export function findRepositories(view: HostView): Finding[] {
  return view.repositories.map((repository): Finding => {
    const { path, isBare } = repository;
    const [criticality, reason] = judged(repository);
    return {
      id: `files:${path}#git`,
      category: "git",
      kind: "files",
      title: isBare ? "bare git repository" : "git repository",
      paths: [path],
      confidence: repository.remotes.length === 0 ? "certain" : "likely",
      evidence: isBare ? "HEAD, objects and refs are there" : ".git is there",
      criticality,
      reason: isBare ? reason : `${reason}; ${UNKNOWN}`,
      settings: { paths: [path] },
    };
  });
}

function judged({ remotes, branches, unpushed, hasStash, isBare }: GitRepository): [Finding["criticality"], string] {
  if (branches.length === 0 && !hasStash) return ["normal", "no commits yet"];
  if (remotes.length === 0) {
    return isBare
      ? ["critical", "others push to it, and it has no remote of its own"]
      : ["important", "it has no remote: its commits are only here"];
  }
  const parts = [
    ...(unpushed.length === 0
      ? []
      : [`branches at commits that ${remotes.join(", ")} is not known to have had: ${shortened(unpushed)}`]),
    ...(hasStash ? ["a stash"] : []),
  ];
  if (parts.length > 0) return ["important", parts.join("; ")];
  return ["replaceable", `all branches are at ${remotes.join(", ")}`];
}

function shortened(names: readonly string[]): string {
  return `${names.slice(0, 4).join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""}`;
}
