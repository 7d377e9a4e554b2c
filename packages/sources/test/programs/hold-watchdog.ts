/** A process with a watchdog, until it is killed: `hold-watchdog.ts FILE LINE…`; the command writes its input to the file. */
import { Watchdog } from "../../src/programs/watchdog.ts";

const [file = "", ...lines] = process.argv.slice(2);
const watchdog = new Watchdog(["/bin/sh", "-c", 'cat > "$0.part"; mv "$0.part" "$0"', file], process.env);
for (const line of lines) await (line === "dismiss" ? watchdog.dismiss() : watchdog.tell(line));
process.stdout.write("holding\n");
setInterval(() => {}, 1000);
