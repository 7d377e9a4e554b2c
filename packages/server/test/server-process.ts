/** A server in a process of its own, so that it can be killed and its memory be measured. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterTest } from "./test-server.ts";

/** Starts one on a free port. `maxRssKib` asks for the most memory that it has had so far. It ends with the test. */
export async function startProcess(
  root: string,
  clientsFile: string,
): Promise<{ child: ChildProcess; url: string; maxRssKib: () => Promise<number> }> {
  const program = `
    const { RepositoryServer } = await import(${JSON.stringify(new URL("../src/repository-server/repository-server.ts", import.meta.url).href)});
    const { NO_SURROUNDINGS } = await import(${JSON.stringify(new URL("../../storage/src/location.ts", import.meta.url).href)});
    const server = await RepositoryServer.start({
      root: process.argv[1], access: { clientsFile: process.argv[2] }, surroundings: NO_SURROUNDINGS,
      listen: { host: "127.0.0.1", port: 0 },
    });
    process.on("SIGUSR2", () => process.stdout.write(JSON.stringify({ rss: process.resourceUsage().maxRSS }) + "\\n"));
    process.stdout.write(JSON.stringify({ url: server.url }) + "\\n");
  `;
  const flags = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program, root, clientsFile];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  afterTest(async () => void child.kill("SIGKILL"));
  const answer = async (): Promise<Record<string, unknown>> => {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return JSON.parse(line.toString()) as Record<string, unknown>;
  };
  const { url } = await answer();
  const maxRssKib = async (): Promise<number> => {
    const asked = answer();
    child.kill("SIGUSR2");
    return Number((await asked)["rss"]);
  };
  return { child, url: String(url), maxRssKib };
}
