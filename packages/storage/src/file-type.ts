/**
 * The kinds of files in a repository. `pack` lives in the folder `data/xx/`; `forgotten` and all that follow are Holdfast's
 * own, in a folder that other programs do not know.
 */
export type FileType =
  | "config"
  | "key"
  | "lock"
  | "snapshot"
  | "index"
  | "pack"
  | "forgotten"
  | "hold"
  | "evidence"
  | "retention";
