/** The last bytes of a connection that ends because nothing runs on it any more: they may take their time. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createVirtualClock } from '../../../src/testing.js';
import { deferred, until } from '../../support/deferred.js';
import { collect, type Sink } from '../../support/engine-pair.js';
import { createHboneFixture, type HboneFixture } from '../../support/hbone-fixture.js';

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

/** A link that stands still on its way out when told to. */
class Link extends Duplex {
  readonly #socket: Socket;
  #held: (() => void)[] | undefined;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.push(chunk)).on('end', () => this.push(null));
  }

  stop(): void {
    this.#held = [];
  }

  goOn(): void {
    for (const send of this.#held ?? []) send();
    this.#held = undefined;
  }

  get isStopped(): boolean {
    return this.#held !== undefined && this.#held.length > 0;
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error | null) => void): void {
    const send = () => void this.#socket.write(chunk, done);
    if (this.#held) this.#held.push(send);
    else send();
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** A drained connection whose last bytes are stuck on their way. */
async function stuck() {
  const atServer = deferred<Sink>();
  const { address } = await fixture.serve((incoming) => {
    const stream = incoming.accept();
    stream.end();
    atServer.resolve(collect(stream));
  });
  const clock = createVirtualClock();
  const socket = connect(address.port, address.host);
  await once(socket, 'connect');
  const link = new Link(socket);
  const connection = await fixture.dial(address, { target: { transport: link, name: 'reviews' }, clock });
  const { stream } = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
  const sink = await atServer.promise;
  await until(() => connection.settled);
  link.stop();
  stream.write(Buffer.alloc(100_000, 'isthmus'));
  stream.end();
  connection.drain();
  await until(() => link.isStopped && connection.activeStreams === 0);
  return { connection, clock, link, sink };
}

it('the last bytes of a tunnel arrive over a link that stands still, although its connection is drained', async () => {
  const { clock, link, sink } = await stuck();

  clock.advance(5_000);
  await new Promise((resolve) => setImmediate(resolve));
  link.goOn();
  await until(() => sink.end !== undefined);

  expect(sink.end).toEqual({ kind: 'clean' });
  expect(sink.text()).toHaveLength(100_000);
});

it('a connection that is closed does not wait for them', async () => {
  const { connection, clock, link } = await stuck();

  const closed = connection.close();
  clock.advance(1_000);
  await closed;

  expect(link.destroyed).toBe(true);
});
