// The import gate: `node scripts/check-imports.ts`. Fails when a file imports what it may not (`docs/architecture.md`), and
// also when it looked at nothing, so that it cannot pass by accident. `test/house/imports.test.ts` seeds one violation of each rule.
import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize, relative, sep } from "node:path";
import { findCycle } from "./find-cycle.ts";
import { confined, layers } from "./import-rules.ts";
import { readImports } from "./read-imports.ts";
import { type Package, ownFiles, packagesOf, readManifest, root } from "./workspace.ts";

/** What the gate saw. A problem is one line: file, line, what is wrong. */
export interface ImportReport {
  readonly modules: number;
  readonly imports: number;
  readonly problems: readonly string[];
}

const SOURCES = "{packages/*/{src,test},scripts,test,bench}/**/*.{ts,mjs}";

/** Checks every source file of the repository at `folder`. */
export function checkImports(folder: string): ImportReport {
  const gate = new Gate(folder);
  const files = ownFiles(folder, SOURCES).filter((path) => !path.includes("/assembly/"));
  for (const path of files) gate.checkFile(path);
  for (const { name, folder: place } of packagesOf(folder)) {
    if (!files.some((path) => join(folder, path).startsWith(place + sep)))
      gate.problems.push(`${name}: no module was found`);
  }
  const cycle = findCycle(gate.edges);
  if (cycle !== undefined) gate.problems.push(`import cycle: ${cycle.join(" -> ")}`);
  return { modules: files.length, imports: gate.imports, problems: gate.problems };
}

/** A file under test: its place, and what that place allows. */
interface Module {
  readonly path: string;
  readonly owner: Package | undefined;
  /** Test code may use the development dependencies and the `testing` entries. */
  readonly isTest: boolean;
}

class Gate {
  readonly problems: string[] = [];
  /** Imports between our own files that exist when the program runs. */
  readonly edges = new Map<string, string[]>();
  imports = 0;
  readonly #folder: string;
  readonly #packages: readonly Package[];
  readonly #rootDependencies: ReadonlySet<string>;

  constructor(folder: string) {
    this.#folder = folder;
    this.#packages = packagesOf(folder);
    this.#rootDependencies = new Set(Object.keys(readManifest(folder).devDependencies ?? {}));
  }

  checkFile(path: string): void {
    const owner = this.#packages.find((candidate) => join(this.#folder, path).startsWith(candidate.folder + sep));
    const isTest = owner === undefined || /\.test\.ts$|\/testing\/|^packages\/[^/]+\/test\//.test(path);
    const module: Module = { path, owner, isTest };
    for (const { kind, specifier, line } of readImports(path, readFileSync(join(this.#folder, path), "utf8"))) {
      this.imports++;
      const problem = this.#problemOf(module, kind === "url", kind === "type", specifier);
      if (problem !== undefined) this.problems.push(`${path}:${line}: ${problem}`);
    }
  }

  #problemOf(module: Module, isUrl: boolean, isType: boolean, specifier: string | undefined): string | undefined {
    if (specifier === undefined)
      return module.isTest ? undefined : "a computed import cannot be checked: name the module";
    if (isUrl) return module.isTest ? undefined : this.#problemOfUrl(module, specifier);
    if (specifier.startsWith(".")) return this.#problemOfRelative(module, specifier, isType);
    if (isBuiltin(specifier)) return problemOfBuiltin(module, specifier);
    return this.#problemOfPackage(module, specifier, isType);
  }

  /** A build has `.js` where the source has `.ts`, so a URL that names either is wrong in one of the two. */
  #problemOfUrl(module: Module, specifier: string): string | undefined {
    if (/\.[cm]?[jt]s$/.test(specifier))
      return `'${specifier}' is not there in a build or not in the source: use workerEntry`;
    const target = join(this.#folder, dirname(module.path), specifier);
    return existsSync(target) ? undefined : `'${specifier}' does not exist`;
  }

  #problemOfRelative(module: Module, specifier: string, isType: boolean): string | undefined {
    const target = normalize(join(dirname(module.path), specifier));
    if (!existsSync(join(this.#folder, target))) return `'${specifier}' does not exist`;
    if (!/\.(ts|mjs)$/.test(specifier)) return `'${specifier}' needs the ending of the source file`;
    if (!isType) this.edges.set(module.path, [...(this.edges.get(module.path) ?? []), target]);
    const { owner } = module;
    if (owner === undefined) {
      return target.startsWith("packages/")
        ? `'${specifier}' reaches into a package: import it by its name`
        : undefined;
    }
    const source = relative(this.#folder, join(owner.folder, "src"));
    if (!target.startsWith(relative(this.#folder, owner.folder) + sep))
      return `'${specifier}' leaves ${owner.name}: import by name`;
    if (module.isTest) return undefined;
    if (/\.test\.ts$|\/testing\//.test(target)) return `'${specifier}' is test code`;
    if (target === `${source}/index.ts`) return "a package does not import its own index.ts";
    return problemOfLayer(owner.name, relative(source, module.path), relative(source, target));
  }

  #problemOfPackage(module: Module, specifier: string, isType: boolean): string | undefined {
    const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
    const target = this.#packages.findIndex((candidate) => candidate.name === name);
    if (target === -1) return this.#isDeclared(module, name) ? undefined : `'${name}' is not declared in package.json`;
    const { owner } = module;
    if (owner !== undefined) {
      if (name === owner.name) return "a package does not import itself by name";
      if (target > this.#packages.indexOf(owner))
        return `${owner.name} may not import ${name}: imports point the other way`;
      if (!this.#isDeclared(module, name)) return `'${name}' is not declared in package.json`;
    }
    const entry = this.#packages[target]?.manifest.exports?.[`.${specifier.slice(name.length)}`];
    if (entry === undefined) return `'${specifier}' is not an entry of ${name}`;
    if (!module.isTest && specifier.endsWith("/testing")) return `'${specifier}' is test code`;
    const place = relative(this.#folder, this.#packages[target]?.folder ?? "");
    if (!isType) this.edges.set(module.path, [...(this.edges.get(module.path) ?? []), join(place, entry)]);
    return undefined;
  }

  #isDeclared({ owner, isTest }: Module, name: string): boolean {
    if (owner?.manifest.dependencies?.[name] !== undefined) return true;
    return isTest && this.#rootDependencies.has(name);
  }
}

function problemOfBuiltin({ path, isTest }: Module, specifier: string): string | undefined {
  if (!specifier.startsWith("node:")) return `'${specifier}' is written 'node:${specifier}'`;
  const place = confined[specifier];
  if (place === undefined || isTest || path.startsWith(place)) return undefined;
  return `only ${place} may import ${specifier}`;
}

function problemOfLayer(owner: string, from: string, to: string): string | undefined {
  const rows = layers[owner];
  if (rows === undefined || from === "index.ts") return undefined;
  const rowOf = (path: string): number => rows.findIndex((row) => row.includes(path.split(sep)[0] ?? ""));
  for (const path of [from, to]) {
    if (rowOf(path) === -1) return `'${path.split(sep)[0]}' has no layer: give it one in scripts/import-rules.ts`;
  }
  return rowOf(to) <= rowOf(from)
    ? undefined
    : `${from.split(sep)[0]} may not import ${to.split(sep)[0]}: it is a layer above`;
}

if (import.meta.main) {
  const { modules, imports, problems } = checkImports(root);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`imports: ${imports} in ${modules} modules, ${problems.length} problems\n`);
  if (problems.length > 0 || imports === 0) process.exitCode = 1;
}
