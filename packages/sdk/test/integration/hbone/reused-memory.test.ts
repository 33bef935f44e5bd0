/**
 * Memory that was released is nobody's: while bytes cross from TCP through a tunnel to TCP and back, whatever is free is
 * written over again and again, and all bytes arrive as they were sent.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BLOCK_BYTES, Block } from '../../../src/hbone/blocks.js';
import { pump } from '../../../src/hbone/index.js';
import { randomChunks } from '../../support/bulk.js';
import { createHboneFixture, type HboneFixture } from '../../support/hbone-fixture.js';

const CONNECTIONS = 3;
/** More than windows and sockets hold, so that memory waits to be written. */
const BYTES = 14_000_000;
/** For how many turns of the event loop nobody reads. */
const DEAF_TURNS = 200;

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

async function listen(onConnection: (socket: Socket) => void): Promise<AddressInfo> {
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    fixture.scope.own(() => void socket.destroy());
    onConnection(socket);
  });
  fixture.scope.own(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address() as AddressInfo;
}

/** Every turn of the event loop, until told to stop. Answers how many of the free blocks it saw had been used. */
function writeOverWhatIsFree(): { stop(): number } {
  let used = 0;
  let stopped = false;
  const turn = () => {
    const blocks = Array.from({ length: 8 }, () => Block.take());
    for (const block of blocks) {
      if (block.bytes[0] !== 0xdd || block.bytes[BLOCK_BYTES - 1] !== 0xdd) used += 1;
      block.bytes.fill(0xdd);
      block.leave();
    }
    if (!stopped) setImmediate(turn);
  };
  turn();
  return {
    stop() {
      stopped = true;
      return used;
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends in pieces of very different sizes and reads in fits and starts. */
async function exchange(socket: Socket, seed: number): Promise<{ readonly sent: string; readonly received: string }> {
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  let reads = 0;
  socket.pause().on('data', (chunk) => {
    received.update(chunk);
    if (++reads % 5 > 0) return;
    socket.pause();
    void turns(2).then(() => socket.resume());
  });
  const ended = once(socket, 'end');
  void turns(DEAF_TURNS).then(() => socket.resume());
  let pieces = 0;
  for (const chunk of randomChunks(seed, BYTES, 97_003)) {
    const piece = ++pieces % 3 === 0 ? chunk.subarray(0, 700) : chunk;
    sent.update(piece);
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  socket.end();
  await ended;
  return { sent: sent.digest('hex'), received: received.digest('hex') };
}

it('what is written over while it is free was read by nobody any more', async () => {
  const atServer: Promise<{ readonly sent: string; readonly received: string }>[] = [];
  const application = await listen((socket) => atServer.push(exchange(socket, 100 + atServer.length)));
  const { address } = await fixture.serve((incoming) => {
    const upstream = connect({ port: application.port, host: application.address, allowHalfOpen: true });
    upstream.once('connect', () => void pump(incoming.accept(), upstream));
  });
  const pool = fixture.pool();
  const entry = await listen(async (socket) => {
    const tunnel = await pool.connect(fixture.hop(address), { authority: '10.0.0.1:80', headers: [] });
    void pump(socket, tunnel.stream);
  });

  const scribbler = writeOverWhatIsFree();
  const atClient = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, seed) =>
      exchange(connect({ port: entry.port, host: entry.address, allowHalfOpen: true }), seed),
    ),
  );
  const far = await Promise.all(atServer);
  const used = scribbler.stop();

  expect(new Set(far.map(({ received }) => received))).toEqual(new Set(atClient.map(({ sent }) => sent)));
  expect(new Set(atClient.map(({ received }) => received))).toEqual(new Set(far.map(({ sent }) => sent)));
  expect(used).toBeGreaterThan(100);
});
