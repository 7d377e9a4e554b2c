import { isHoldfastError } from "@holdfast/base";
import { bytesSource } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { formatGoTime } from "../format/go-time.ts";
import { idOf, type Id } from "../format/id.ts";
import type { SnapshotFields } from "../format/snapshot.ts";
import { Repository } from "./repository.ts";
import {
  findSnapshot,
  groupKey,
  listSnapshots,
  matches,
  saveSnapshot,
  type SnapshotFilter,
  type SnapshotGrouping,
} from "./snapshots.ts";

const { signal } = new AbortController();
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

function fields(day: number, changes: Partial<SnapshotFields> = {}): SnapshotFields {
  return {
    time: formatGoTime(BigInt(day) * 86_400_000_000_000n),
    parent: undefined,
    tree: idOf(Buffer.from(String(day))),
    paths: ["/home"],
    hostname: "box",
    username: "ann",
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    original: undefined,
    programVersion: "",
    summary: undefined,
    ...changes,
  };
}

const MADE = [
  fields(3, { hostname: "other" }),
  fields(1),
  fields(4, { tags: ["a", "b"] }),
  fields(2, { paths: ["/home", "/etc"], tags: ["a"] }),
];
let repository: Repository;
let ids: Id[];

beforeAll(async () => {
  const keyId = idOf(new Uint8Array(1));
  const config = { version: 2, id: keyId, chunkerPolynomial: 0n } as const;
  repository = new Repository({ backend: new MemoryBackend(), config, masterKey: newMasterKey(), keyId });
  ids = [];
  for (const snapshot of MADE) ids.push(await saveSnapshot(repository, snapshot, { signal }));
});

describe("a snapshot by name", () => {
  // Days 4, 3, 2, 1 from the newest to the oldest.
  test.for<[text: string, made: number, subfolder: string]>([
    ["latest", 2, ""],
    ["latest~0", 2, ""],
    ["latest~1", 0, ""],
    ["latest~3", 1, ""],
    ["latest:home/ann", 2, "home/ann"],
    ["latest~1:/a:b", 0, "/a:b"],
  ])("%s", async ([text, made, subfolder]) => {
    const found = await findSnapshot(repository, text, { signal });
    expect(found).toMatchObject({ stored: { id: ids[made] }, subfolder });
  });

  test("is found by its id or the beginning of it", async () => {
    for (const id of ids) {
      expect((await findSnapshot(repository, id, { signal })).stored.id).toBe(id);
      const found = await findSnapshot(repository, `${id.slice(0, 12)}:x`, { signal });
      expect(found).toMatchObject({ stored: { id }, subfolder: "x" });
    }
  });

  test.for(["latest~4", "latest~", "latest~1~1", "ffffffffffffffff", "gone", ""])("'%s' is not found", async (text) => {
    await expect(findSnapshot(repository, text, { signal })).rejects.toEqual(failsWith("ENGINE_ID_NOT_FOUND"));
  });

  test("the latest is that of those which the filter lets through", async () => {
    const found = await findSnapshot(repository, "latest~1", { signal, filter: { hosts: ["box"] } });
    expect(found.stored.id).toBe(ids[3]);
  });
});

describe("a filter", () => {
  test.for<[what: string, filter: SnapshotFilter, days: number[]]>([
    ["nothing", {}, [1, 2, 3, 4]],
    ["empty lists", { hosts: [], paths: [], tags: [] }, [1, 2, 3, 4]],
    ["one host", { hosts: ["other"] }, [3]],
    ["any of several hosts", { hosts: ["other", "box"] }, [1, 2, 3, 4]],
    ["a path among others", { paths: ["/etc"] }, [2]],
    ["all of several paths", { paths: ["/home", "/etc"] }, [2]],
    ["a path that is only part of one", { paths: ["/ho"] }, []],
    ["a tag", { tags: [["a"]] }, [2, 4]],
    ["all tags of a list", { tags: [["a", "b"]] }, [4]],
    ["any of several lists of tags", { tags: [["b"], ["a"]] }, [2, 4]],
    ["no tags at all", { tags: [[""]] }, [1, 3]],
    ["no tags, or a certain one", { tags: [[], ["b"]] }, [1, 3, 4]],
    ["everything together", { hosts: ["box"], paths: ["/home"], tags: [["a"]] }, [2, 4]],
  ])("by %s", async ([, filter, days]) => {
    const listed = await listSnapshots(repository, { signal, filter });
    expect(listed.map(({ snapshot }) => Number(snapshot.timeNs / 86_400_000_000_000n))).toEqual(days);
    for (const { snapshot } of listed) expect(matches(snapshot, filter)).toBe(true);
  });
});

describe("groups", () => {
  const [a, b] = [
    fields(1, { paths: ["/x", "/y"], tags: ["t", "u"] }),
    fields(2, { paths: ["/y", "/x"], tags: ["u", "t"], hostname: "other" }),
  ];

  const same = (...[one, other, grouping]: [SnapshotFields, SnapshotFields, SnapshotGrouping]): boolean =>
    groupKey(one, grouping) === groupKey(other, grouping);

  test("hold snapshots that agree in the fields of the grouping, in any order of paths and tags", () => {
    expect(same(a, b, [])).toBe(true);
    expect(same(a, b, ["paths", "tags"])).toBe(true);
    expect(same(a, b, ["host"])).toBe(false);
    expect(same(a, { ...b, paths: ["/x"] }, ["paths"])).toBe(false);
    expect(same(a, { ...b, tags: [] }, ["tags"])).toBe(false);
  });

  test("have keys that no other names can imitate", () => {
    expect(groupKey({ hostname: "h", paths: ["a,b"], tags: [] }, ["paths"])).not.toBe(
      groupKey({ hostname: "h", paths: ["a", "b"], tags: [] }, ["paths"]),
    );
  });
});

describe("a damaged snapshot", () => {
  const damaged = async (): Promise<{ hurt: Repository; name: string }> => {
    const { config, masterKey, keyId } = repository;
    const hurt = new Repository({ backend: new MemoryBackend(), config, masterKey, keyId });
    await saveSnapshot(hurt, fields(1), { signal });
    const name = "ab".repeat(32);
    await hurt.backend.save({ type: "snapshot", name }, bytesSource(new Uint8Array(50)), { signal });
    return { hurt, name };
  };

  test("is an error for whoever does not ask for it", async () => {
    const { hurt } = await damaged();
    await expect(listSnapshots(hurt, { signal })).rejects.toEqual(failsWith("ENGINE_WRONG_HASH"));
  });

  test("that is not one, although it was sealed with the key, is named", async () => {
    const { config, masterKey, keyId } = repository;
    const hurt = new Repository({ backend: new MemoryBackend(), config, masterKey, keyId });
    const id = await hurt.saveDocument("snapshot", Buffer.from("[]"), { signal });
    await expect(listSnapshots(hurt, { signal })).rejects.toThrow(id);
    await expect(findSnapshot(hurt, id, { signal })).rejects.toThrow(id);
  });

  test("is told to whoever asks, and the others are listed", async () => {
    const { hurt, name } = await damaged();
    const told: Id[] = [];
    expect(await listSnapshots(hurt, { signal, onDamaged: (id) => told.push(id) })).toHaveLength(1);
    expect(told).toEqual([name]);
  });

  test("that vanishes while it is read was forgotten by somebody", async () => {
    const { hurt, name } = await damaged();
    const load = hurt.loadDocument.bind(hurt);
    hurt.loadDocument = async (type, id, options) => {
      if (id === name) await hurt.removeFile("snapshot", id, options);
      return load(type, id, options);
    };
    expect(await listSnapshots(hurt, { signal })).toHaveLength(1);
  });
});
