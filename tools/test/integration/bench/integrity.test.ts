/** The test that every relay passes before it is raced: it has to notice a relay that loses, changes or holds back bytes. */
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { expect, test } from 'vitest';
import { ApplicationHost } from '../../../bench/tunnel/load/applications.js';
import { verify } from '../../../bench/tunnel/load/integrity.js';
import { dialled, listen } from '../../../bench/tunnel/loopback.js';

const TRANSFER = { connections: 3, bytes: 200_000 };

/** A port whose connections are joined to the mirror application. */
async function relayed(join: (client: Socket, application: Socket) => void): Promise<number> {
  const { mirror } = await new ApplicationHost().listen();
  return listen(async (client) => {
    client.on('error', () => {});
    const application = await dialled(mirror);
    application.on('error', () => {});
    join(client, application);
  });
}

test.each([true, false])('passes a relay that loses nothing (in turns: %s)', async (inTurns) => {
  const port = await relayed((client, application) => client.pipe(application).pipe(client));

  await expect(verify({ port, inTurns, ...TRANSFER })).resolves.toBeUndefined();
});

test('fails a relay that drops the last bytes of a direction', async () => {
  const port = await relayed((client, application) => {
    client.pipe(application);
    application.on('data', (chunk) => client.write(chunk));
    // The client has ended; the application has not yet said all it has to say.
    client.on('end', () => client.end());
  });

  await expect(verify({ port, inTurns: false, ...TRANSFER })).rejects.toThrow(/bytes came back, not 200032/);
});

test('fails a relay that changes a byte', async () => {
  const flip = () =>
    new Transform({
      transform(chunk: Buffer, _, done) {
        const changed = Buffer.from(chunk);
        changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
        done(null, changed);
      },
    });
  const port = await relayed((client, application) => {
    client.pipe(application).pipe(flip()).pipe(client);
  });

  await expect(verify({ port, inTurns: false, ...TRANSFER })).rejects.toThrow(
    'what the application sent arrived changed',
  );
});
