/** `holdfast drift`: what changed on a system, between snapshots and since one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, holdfast, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const root = join(folder, "root");

/** A system as far as a report needs one: dpkg's database, users, a unit. */
function setSystem(version: string, users: readonly string[]): void {
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put("etc/os-release", 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n');
  put("etc/passwd", users.map((line) => `${line}\n`).join(""));
  const stanza = `Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`;
  put("var/lib/dpkg/status", `${stanza}\n`);
}

function run(argv: readonly string[]): Promise<Ended> {
  const variables = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state"), HOME: folder };
  return holdfast(argv, { variables });
}

const ROOT_USER = "root:x:0:0::/root:/bin/sh";
const ALICE = "alice:x:1000:1000::/home/alice:/bin/sh";

beforeAll(async () => {
  mkdirSync(join(folder, "config/holdfast"), { recursive: true });
  writeFileSync(join(folder, "password"), "correct horse\n", { mode: 0o600 });
  const configuration = `
version: 1
repositories:
  main: { location: ${join(folder, "main")}, password: { file: ${join(folder, "password")} } }
sources:
  web1: { kind: system, root: ${root} }
  numbers: { kind: command, capture: [seq, "3"] }
`;
  writeFileSync(join(folder, "config/holdfast/holdfast.yaml"), configuration, { mode: 0o600 });
  setSystem("1.21.22", [ROOT_USER]);
  expect((await run(["init", "-q"])).code).toBe(0);
});

describe("drift", () => {
  test("of a source without snapshots, and with one, says what to do", async () => {
    const none = await run(["drift", "web1"]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("holdfast backup web1")]);
    const stored = await run(["backup", "-q", "web1"]);
    expect([stored.code, stored.stderr]).toEqual([0, ""]);
    const one = await run(["drift", "web1"]);
    expect([one.code, one.stderr]).toEqual([1, expect.stringContaining("holdfast drift web1 --live")]);
  });

  test("is none while nothing changes, and is shown, with exit code 22, when something has", async () => {
    const same = await run(["drift", "web1", "--live"]);
    expect([same.code, same.stdout]).toEqual([0, "web1 has not changed\n"]);
    setSystem("1.21.23", [ROOT_USER, ALICE]);
    const live = await run(["drift", "web1", "--live"]);
    expect(live.code, live.stderr).toBe(22);
    expect(live.stdout).toContain("~ dpkg amd64 1.21.22 installed -> dpkg amd64 1.21.23 installed");
    expect(live.stdout).toContain("+ alice:unknown:1000:1000::/home/alice:/bin/sh");
    expect(live.stdout).toContain("web1 has changed: 1 added, 0 removed, 1 changed, in 2 topics");
    // Looking stores nothing.
    expect(JSON.parse((await run(["snapshots", "--json"])).stdout)).toHaveLength(1);
  });

  test("between snapshots is that of the newest two, or of those that are named, in either direction", async () => {
    await run(["backup", "-q", "web1"]);
    await run(["backup", "-q", "web1"]);
    const newest = await run(["drift", "web1"]);
    expect([newest.code, newest.stdout]).toEqual([0, "web1 has not changed\n"]);
    const listed = JSON.parse((await run(["snapshots", "--json"])).stdout) as { id: string }[];
    const [first = "", , last = ""] = listed.map(({ id }) => id);
    const forward = await run(["drift", "web1", "--from", first, "--json"]);
    expect(forward.code).toBe(22);
    expect(JSON.parse(forward.stdout)).toMatchObject({
      message_type: "drift",
      source: "web1",
      from: { snapshot_id: first },
      to: { snapshot_id: last },
      drifted: true,
      topics: [
        { topic: "packages.txt" },
        { topic: "users.txt", added: ["alice:unknown:1000:1000::/home/alice:/bin/sh"] },
      ],
    });
    const backward = await run(["drift", "web1", "--from", last, "--to", first]);
    expect([backward.code, backward.stdout]).toEqual([22, expect.stringContaining("- alice:unknown")]);
  });

  test.for<[argv: string[], message: RegExp]>([
    [["drift"], /missing|name one source|required/i],
    [["drift", "numbers"], /numbers is of kind command/],
    [["drift", "web1", "--live", "--to", "abcd"], /--to and --live/],
  ])("%s is refused", async ([argv, message]) => {
    const { code, stderr } = await run(argv);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
