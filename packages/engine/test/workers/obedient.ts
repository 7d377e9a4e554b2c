/** A worker for tests that does what each message says. */
import { engineError } from "../../src/errors.ts";
import { Counters } from "../../src/workers/counters.ts";
import { Mutex } from "../../src/workers/mutex.ts";
import { runWorker } from "../../src/workers/run-worker.ts";

export type Order =
  | { readonly kind: "echo"; readonly text: string }
  /** Adds to a number that is no atomic, under a mutex, and to a counter. */
  | {
      readonly kind: "add";
      readonly words: SharedArrayBuffer;
      readonly counters: SharedArrayBuffer;
      readonly times: number;
    }
  | { readonly kind: "throw"; readonly what: "error" | "holdfast-error" }
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "hang" }
  | { readonly kind: "end" };

export type Answer = { readonly kind: "echo"; readonly text: string } | { readonly kind: "added" };

runWorker<Order, Answer, string>((port, greeting) => {
  for (;;) {
    const order = port.receive();
    switch (order.kind) {
      case "echo":
        port.send({ kind: "echo", text: `${greeting} ${order.text}` });
        break;
      case "add":
        add(order);
        port.send({ kind: "added" });
        break;
      case "throw":
        throw order.what === "error" ? new TypeError("a defect") : engineError("ENGINE_ABORTED");
      case "exit":
        process.exit(order.code);
        break;
      case "hang":
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        break;
      case "end":
        return;
    }
  }
});

function add({ words, counters, times }: Extract<Order, { kind: "add" }>): void {
  const numbers = new Int32Array(words);
  const mutex = new Mutex(numbers, 0);
  const counter = Counters.attach(["sum"], counters);
  for (let n = 0; n < times; n++) {
    mutex.run(() => {
      const before = numbers[1] as number;
      // Long enough that another thread comes in between when nothing holds it back.
      for (let spin = 0; spin < 20; spin++) numbers[2] = spin;
      numbers[1] = before + 1;
    });
    counter.add("sum", 3);
  }
}
