/** Web roots: what web servers are configured to serve, and where sites usually lie. */
import { isWithin } from "@holdfast/base";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";

const USUAL = "/var/www";
/** Pages of the packages themselves. */
const OF_PACKAGES = /^\/(usr\/share|usr\/lib|var\/lib\/(?:apache2|nginx)|nonexistent)(\/|$)/;

/** A root in another one is part of it. */
export function findWebRoots(view: HostView): Finding[] {
  const roots = new Map<string, string>();
  for (const path of view.folders.below(USUAL)) roots.set(path, `it lies in ${USUAL}`);
  for (const [path, root] of configuredRoots(view)) {
    if (view.folders.of(root) !== undefined) roots.set(root, `${path} names it`);
  }
  const outer = [...roots].filter(
    ([root]) => ![...roots.keys()].some((other) => other !== root && isWithin(root, other)),
  );
  return outer
    .filter(([root]) => (view.folders.of(root)?.files ?? 1) > 0)
    .map(([root, evidence]): Finding => ({
      id: `files:${root}`,
      category: "web",
      kind: "files",
      title: "web root",
      paths: [root],
      confidence: evidence.endsWith("names it") ? "certain" : "likely",
      evidence,
      criticality: "important",
      reason: "a site that this machine serves, with what was uploaded to it",
      settings: { paths: [root] },
    }));
}

/** Each with the file that names it. */
function configuredRoots(view: HostView): [path: string, root: string][] {
  return [...view.texts].flatMap(([path, text]) => {
    const pattern = path.startsWith("/etc/nginx/")
      ? /^\s*root\s+"?(\/[^\s";]+)"?\s*;/gm
      : /^\/etc\/(apache2|httpd)\//.test(path)
        ? /^\s*DocumentRoot\s+"?(\/[^\s"]+)"?/gim
        : undefined;
    if (pattern === undefined) return [];
    return [...text.matchAll(pattern)]
      .map(([, root]): [string, string] => [path, (root as string).replace(/(?<=.)\/+$/, "")])
      .filter(([, root]) => !OF_PACKAGES.test(root));
  });
}
