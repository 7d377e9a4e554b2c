/** Debian's restic uses the server unchanged. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isInstalled, makeCertificate, restic, run, succeed } from "./programs.ts";
import { type TestServer, scratch, startServer, tokenOf } from "./test-server.ts";

const describeRestic = isInstalled("restic") && isInstalled("openssl") ? describe : describe.skip;

function urlFor({ server }: TestServer, client: string, repository: string): string {
  return server.url.replace("://", `://${client}:${encodeURIComponent(tokenOf(client))}@`) + repository;
}

async function makeSource(): Promise<string> {
  const source = await scratch();
  for (let folder = 0; folder < 3; folder++) {
    await mkdir(join(source, `folder ${folder}`));
    for (let file = 0; file < 20; file++) {
      await writeFile(join(source, `folder ${folder}`, `${file}.txt`), `${folder} ${file}\n`.repeat(5000 + file));
    }
  }
  await writeFile(join(source, "random"), crypto.getRandomValues(new Uint8Array(65_536)));
  return source;
}

async function goThroughAll(url: string, trust: { cacert?: string }): Promise<void> {
  const source = await makeSource();
  succeed(await restic(url, ["init"], trust));
  succeed(await restic(url, ["backup", source], trust));
  await writeFile(join(source, "second"), "second");
  succeed(await restic(url, ["backup", source], trust));
  succeed(await restic(url, ["check", "--read-data"], trust));
  succeed(await restic(url, ["forget", "--keep-last", "1", "--prune"], trust));
  succeed(await restic(url, ["check", "--read-data"], trust));
  expect(JSON.parse(succeed(await restic(url, ["snapshots", "--json"], trust)))).toHaveLength(1);
  const target = await scratch();
  succeed(await restic(url, ["restore", "latest", "--target", target], trust));
  succeed(await run("diff", ["-r", source, join(target, source)]));
}

describeRestic("restic", () => {
  test("makes, fills, checks, prunes and restores a repository over the loopback address", async () => {
    const served = await startServer();
    await goThroughAll(urlFor(served, "maintenance", "team/den/"), {});
    expect(await readdir(join(served.root, "team/den"))).toContain("config");
  });

  test("does the same over TLS and HTTP/2 with --cacert", async () => {
    const certificate = await makeCertificate(await scratch());
    const served = await startServer({ certificate });
    expect(served.server.url).toMatch(/^https:/);
    await goThroughAll(urlFor(served, "maintenance", "den/"), { cacert: certificate.certificate });
    const stranger = await restic(urlFor(served, "maintenance", "den/"), ["snapshots"], {
      cacert: (await makeCertificate(await scratch(), "other")).certificate,
    });
    expect(stranger.code).not.toBe(0);
  });

  test("backs up with the role append-only, and removes nothing but its locks", async () => {
    const served = await startServer();
    const url = urlFor(served, "append-only", "den/");
    const source = await makeSource();
    succeed(await restic(url, ["init"]));
    succeed(await restic(url, ["backup", source]));
    succeed(await restic(url, ["backup", source]));
    succeed(await restic(url, ["check", "--read-data"]));
    expect(await readdir(join(served.root, "den/locks"))).toEqual([]);
    const snapshots = await readdir(join(served.root, "den/snapshots"));
    expect(snapshots).toHaveLength(2);
    for (const name of snapshots) {
      expect((await served.ask("append-only", "DELETE", `/den/snapshots/${name}`)).status).toBe(403);
    }
  });

  test("backs up with the role write-only where it has a cache, and cannot restore", async () => {
    const served = await startServer();
    const url = urlFor(served, "write-only", "den/");
    const source = await makeSource();
    const cacheFolder = await scratch();
    succeed(await restic(url, ["init"], { cacheFolder }));
    succeed(await restic(url, ["backup", source], { cacheFolder }));
    await writeFile(join(source, "second"), "second");
    succeed(await restic(url, ["backup", source], { cacheFolder }));
    // Without the cache the trees of the last snapshot cannot be read; nothing needs them when all files are read.
    succeed(await restic(url, ["backup", "--force", source], { cacheFolder: await scratch() }));
    expect(served.log.some(({ type, method, status }) => type === "pack" && method === "GET" && status < 300)).toBe(
      false,
    );
    const reader = urlFor(served, "restore", "den/");
    const target = await scratch();
    succeed(await restic(reader, ["restore", "latest", "--target", target]));
    succeed(await run("diff", ["-r", source, join(target, source)]));
    expect(await readdir(join(served.root, "den/locks"))).toEqual([]);
  });

  test("lists as version 1 for old versions, and as version 2 for new ones", async () => {
    const served = await startServer();
    succeed(await restic(urlFor(served, "append-only", "den/"), ["init"]));
    const [name] = await readdir(join(served.root, "den/keys"));
    const old = await served.ask("append-only", "GET", "/den/keys/");
    expect(old.headers["content-type"]).toBe("application/vnd.x.restic.rest.v1");
    expect(JSON.parse(old.body.toString())).toEqual([name]);
    const accept = "application/vnd.x.restic.rest.v2";
    const latest = await served.ask("append-only", "GET", "/den/keys/", { headers: { accept } });
    expect(latest.headers["content-type"]).toBe(accept);
    const [entry] = JSON.parse(latest.body.toString()) as { name: string; size: number; received: number }[];
    expect(entry).toMatchObject({ name });
    expect(entry?.size).toBeGreaterThan(100);
    expect(Math.abs(Date.now() - (entry?.received ?? 0))).toBeLessThan(60_000);
  });

  test("twenty clients at once each keep what they stored", async () => {
    const served = await startServer();
    const sources = await Promise.all(Array.from({ length: 20 }, () => makeSource()));
    await Promise.all(
      sources.map(async (source, at) => {
        const url = urlFor(served, "append-only", `machine${at}/`);
        succeed(await restic(url, ["init"]));
        succeed(await restic(url, ["backup", source]));
        succeed(await restic(url, ["check", "--read-data"]));
      }),
    );
    expect(served.log.filter(({ status }) => status >= 500)).toEqual([]);
  }, 240_000);
});
