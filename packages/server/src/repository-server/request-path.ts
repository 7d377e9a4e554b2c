/** What the path of a request names: a repository, and something in it. Nothing else ever becomes a path on disk. */
import { FILE_TYPES, type FileKey, type FileType, folderOf, isFileName } from "@holdfast/storage";
import { serverError } from "../errors.ts";

/** `repository` is its name: components joined by `/`, empty for the root itself. */
export type RequestTarget =
  | { readonly kind: "repository"; readonly repository: string }
  | { readonly kind: "list"; readonly repository: string; readonly type: FileType }
  | { readonly kind: "file"; readonly repository: string; readonly key: FileKey }
  | { readonly kind: "plans"; readonly repository: string }
  | {
      readonly kind: "plan";
      readonly repository: string;
      readonly hash: string;
      /** What is said of it; absent for the plan itself. */
      readonly decision: "approval" | "cancellation" | undefined;
    };

const MAX_PATH_LENGTH = 1024;
const MAX_COMPONENTS = 8;
const COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/;

/** Folders of a repository by their path, and so names that no repository can have. */
const TYPES: ReadonlyMap<string, FileType> = new Map(
  FILE_TYPES.filter((type) => type !== "config").map((type) => [folderOf(type), type]),
);
const RESERVED = new Set(["config", ...[...TYPES.keys()].map((folder) => folder.split("/")[0] ?? folder)]);

/** True for a name that a repository on this server can have; also the empty one, which is that of the root. */
export function isRepositoryName(name: string): boolean {
  if (name === "") return true;
  const components = name.split("/");
  return components.length <= MAX_COMPONENTS && components.every(isComponent);
}

function isComponent(text: string): boolean {
  return COMPONENT.test(text) && !RESERVED.has(text);
}

/** @throws SERVER_BAD_PATH, SERVER_BAD_NAME */
export function parseRequestPath(url: string): RequestTarget {
  const path = url.split("?", 1)[0] ?? "";
  if (path.length > MAX_PATH_LENGTH || !path.startsWith("/")) throw serverError("SERVER_BAD_PATH");
  const words = path.slice(1).split("/");
  const end = words.findIndex((word) => RESERVED.has(word));
  const names = end < 0 ? words : words.slice(0, end);
  // A path of a repository may end with a slash, or not.
  if (end < 0 && names.at(-1) === "") names.pop();
  const repository = names.join("/");
  if (names.length > 0 && (repository === "" || !isRepositoryName(repository))) throw serverError("SERVER_BAD_PATH");
  return end < 0 ? { kind: "repository", repository } : targetWithin(repository, words.slice(end));
}

function targetWithin(repository: string, words: readonly string[]): RequestTarget {
  if (words.length === 1 && words[0] === "config")
    return { kind: "file", repository, key: { type: "config", name: "" } };
  if (words[0] === "holdfast" && words[1] === "plans") return planTarget(repository, words.slice(2));
  const depth = words[0] === "holdfast" ? 2 : 1;
  const type = TYPES.get(words.slice(0, depth).join("/"));
  const rest = words.slice(depth);
  if (type === undefined || rest.length > 1) throw serverError("SERVER_BAD_PATH");
  const [name = ""] = rest;
  if (name === "") return { kind: "list", repository, type };
  if (!isFileName(type, name)) throw serverError("SERVER_BAD_NAME");
  return { kind: "file", repository, key: { type, name } };
}

function planTarget(repository: string, [hash = "", decision, ...more]: readonly string[]): RequestTarget {
  if (hash === "" && decision === undefined) return { kind: "plans", repository };
  const isDecision = decision === undefined || decision === "approval" || decision === "cancellation";
  if (!isDecision || more.length > 0) throw serverError("SERVER_BAD_PATH");
  if (!/^[0-9a-f]{64}$/.test(hash)) throw serverError("SERVER_BAD_NAME");
  return { kind: "plan", repository, hash, decision };
}
