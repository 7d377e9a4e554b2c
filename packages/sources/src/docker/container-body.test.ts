import { describe, expect, test } from "vitest";
import { containerBody } from "./container-body.ts";
import { CONTAINER } from "./engine/answers.ts";

const ID = "0123456789abcdef";
const body = (mode: string, networks: Record<string, unknown>, host: Record<string, unknown> = {}) => {
  const inspected = CONTAINER.parse({
    Id: ID,
    Name: "/web",
    Image: "sha256:1",
    State: { Status: "running", Running: true },
    Config: { Image: "web:1", Labels: null, Hostname: ID.slice(0, 12) },
    HostConfig: { NetworkMode: mode, ...host },
    Mounts: [
      { Type: "volume", Name: "data", Source: "/v/data", Destination: "/data", RW: true },
      { Type: "bind", Source: "/srv", Destination: "/srv", RW: false },
      { Type: "tmpfs", Destination: "/tmp" },
    ],
    NetworkSettings: { Networks: networks },
  });
  return containerBody(inspected, {
    image: "web:1",
    source: ({ Type, Name, Source }) => (Type === "volume" ? `new_${Name}` : Source),
    network: (name) => (name.startsWith("app") ? `new_${name}` : name),
  });
};

describe("what a container is made of again", () => {
  test("has its mounts, volumes without a name among them, by their new names", () => {
    const made = body("none", {}, { Binds: ["old:/data"], Mounts: [{}], VolumesFrom: ["x"], Memory: 5 });
    expect(made.body["HostConfig"]).toMatchObject({ Binds: ["new_data:/data", "/srv:/srv:ro"], Memory: 5 });
    expect(made.body["HostConfig"]).not.toHaveProperty("Mounts");
    expect(made.body["HostConfig"]).not.toHaveProperty("VolumesFrom");
    // The engine makes the name of the host from the new id.
    expect(made.body).not.toHaveProperty("Hostname");
  });

  test("is in all its networks, also where the engine calls the mode bridge, with names that were chosen", () => {
    const networks = { app: { Aliases: ["web", ID.slice(0, 12)], IPAddress: "10.0.0.2" }, appback: {} };
    for (const mode of ["app", "bridge"]) {
      const { body: made, networks: others } = body(mode, networks);
      expect(made["HostConfig"]).toMatchObject({ NetworkMode: "new_app" });
      expect(made["NetworkingConfig"]).toEqual({ EndpointsConfig: { new_app: { Aliases: ["web"] } } });
      expect(others).toEqual([["new_appback", { Aliases: [] }]]);
    }
  });

  test("is in the engine's own network, or that of another container, as it was", () => {
    const own = body("bridge", { podman: {} });
    expect(own.body).not.toHaveProperty("NetworkingConfig");
    expect([own.body["HostConfig"], own.networks]).toMatchObject([{ NetworkMode: "bridge" }, []]);
    expect(body("container:abc", {}).body["HostConfig"]).toMatchObject({ NetworkMode: "container:abc" });
  });

  test("has limits by the names that the engine takes", () => {
    const { body: made } = body("none", {}, { Ulimits: [{ Name: "RLIMIT_NOFILE", Soft: 1, Hard: 2 }] });
    expect(made["HostConfig"]).toMatchObject({ Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] });
  });
});
