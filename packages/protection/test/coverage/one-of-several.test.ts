/** A source captures one server or engine: where there are several, it counts for that one only. */
import type { Candidate } from "@holdfast/sources";
import { describe, expect, test } from "vitest";
import { type Sources, candidate, configuration, covered } from "./given.ts";

describe("a source counts for one of several:", () => {
  const states = (candidates: Candidate[], sources: Sources, isRoot = true): string[] =>
    covered({ candidates, configuration: configuration(sources), isRoot }).entries.map(({ state }) => state);
  const docker = candidate("docker:/var/lib/docker", { settings: { socket: "/var/run/docker.sock" } });
  const podman = candidate("docker:/var/lib/containers", { settings: { socket: "/run/podman/podman.sock" } });
  const own = candidate("docker:/home/a", { settings: { socket: "/run/user/1000/podman/podman.sock" } });

  test("without a socket it means the engine that it would find", () => {
    const source = { a: { kind: "docker" } };
    expect(states([own, podman, docker], source)).toEqual(["bare", "bare", "protected"]);
    expect(states([own, podman], source)).toEqual(["bare", "protected"]);
    expect(states([docker, own], source, false)).toEqual(["bare", "protected"]);
  });

  const host = candidate("postgres:/var/lib/pg", { settings: { host: "/run/postgresql" } });
  const inside = (id: string): Candidate =>
    candidate(`postgres:container ${id}`, { settings: { host: "/var/run/postgresql" }, container: id });
  const published = { kind: "postgres", host: "127.0.0.1", port: 15_432 };

  test("that of the server of this machine is not that of one in a container", () => {
    expect(states([host, inside("1")], { a: { kind: "postgres" } })).toEqual(["protected", "bare"]);
    expect(states([host, inside("1")], { a: { kind: "postgres" }, b: published })).toEqual(["protected", "protected"]);
    expect(states([inside("1"), inside("2")], { b: published })).toEqual(["partly", "partly"]);
  });

  test("a dump in a container is not that of the server of this machine, nor the other way round", () => {
    const dump = (...capture: string[]) => ({ a: { kind: "command", capture } });
    expect(states([host, inside("1")], dump("pg_dumpall"))).toEqual(["protected", "bare"]);
    expect(states([host, inside("1")], dump("docker", "exec", "db", "pg_dumpall"))).toEqual(["bare", "protected"]);
    expect(states([host, inside("1")], dump("pg_dumpall", "-p15432"))).toEqual(["bare", "protected"]);
  });

  test("a server that does not run is not the one that runs at its port", () => {
    const old = candidate("postgres:/var/lib/old", { settings: { host: "/run/postgresql" }, isAtRest: true });
    expect(states([host, old], { a: { kind: "postgres" } })).toEqual(["protected", "bare"]);
  });
});
