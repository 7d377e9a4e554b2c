import { afterEach, describe, expect, test } from "vitest";
import { connectByCommand } from "../../src/sftp/connection/command-connection.ts";
import type { Connection } from "../../src/sftp/connection/connection.ts";
import { SessionPool } from "../../src/sftp/session-pool.ts";
import { unaborted } from "../../src/testing/conformance-subject.ts";
import { SFTP_SERVER, hasSshServer } from "../../src/testing/ssh-server.ts";

describe.skipIf(!hasSshServer())("channels to a server", () => {
  let pool: SessionPool;
  let opened = 0;

  afterEach(() => pool.close());

  /** A connection whose first channel is there at once, and the others when `open` is called. */
  function slowPool({ maxChannels }: { maxChannels: number }): { open: () => void } {
    const gate = Promise.withResolvers<void>();
    const direct = connectByCommand([SFTP_SERVER], "sftp:test");
    opened = 0;
    const connection: Connection = {
      isLost: false,
      openChannel: async (options) => {
        if (opened++ > 0) await gate.promise;
        return direct.openChannel(options);
      },
      close: () => direct.close(),
    };
    pool = new SessionPool(async () => connection, { idleMs: 60_000, maxChannels });
    return { open: gate.resolve };
  }

  test("are shared by questions while another one is being opened, which a large call waits for", async () => {
    const { open } = slowPool({ maxChannels: 2 });
    const first = await pool.acquire({ ...unaborted(), bytes: 0 });
    const question = await pool.acquire({ ...unaborted(), bytes: 0 });
    expect(question.session).toBe(first.session);
    expect(opened).toBe(2);
    let isThere = false;
    const waiting = pool.acquire({ ...unaborted(), bytes: 16 * 1024 * 1024 }).then((large) => {
      isThere = true;
      return large;
    });
    const further = await pool.acquire({ ...unaborted(), bytes: 0 });
    expect(further.session).toBe(first.session);
    expect(isThere).toBe(false);
    open();
    const large = await waiting;
    expect(large.session).not.toBe(first.session);
    // Now both are there, and the one with less to do is taken.
    const next = await pool.acquire({ ...unaborted(), bytes: 0 });
    expect(next.session).toBe(large.session);
    for (const one of [first, question, further, large, next]) one.release();
    expect(opened).toBe(2);
  });

  test("are not opened for calls that follow each other", async () => {
    slowPool({ maxChannels: 5 });
    for (let call = 0; call < 3; call++) {
      const { release } = await pool.acquire({ ...unaborted(), bytes: 16 * 1024 * 1024 });
      release();
    }
    expect(opened).toBe(1);
  });
});
