/**
 * Do the bytes arrive? Both ends of every connection send, at the same time or (`in-turns`) one after the other. Each ends
 * its direction when it is through, and the application, which has then heard the end, still answers with the hash of
 * what it read. Passes when everything came, in order, and every direction ended on its own.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { IntegrityInit } from '../contract.js';
import { dialled } from '../loopback.js';

const DIGEST_BYTES = 32;
const CHUNK_BYTES = 61_001;
const DEADLINE_MS = 20_000;

/** First comes what the application is to do: how many bytes to send, made from what, and whether at once. */
interface Order {
  readonly bytes: number;
  readonly seed: number;
  readonly inTurns: boolean;
}
const ORDER_BYTES = 9;

function encodeOrder({ bytes, seed, inTurns }: Order): Buffer {
  const head = Buffer.alloc(ORDER_BYTES);
  head.writeUInt32LE(bytes, 0);
  head.writeUInt32LE(seed, 4);
  head.writeUInt8(Number(inTurns), 8);
  return head;
}

function decodeOrder(head: Buffer): Order {
  return { bytes: head.readUInt32LE(0), seed: head.readUInt32LE(4), inTurns: head.readUInt8(8) === 1 };
}

/** The application's end. */
export function mirror(socket: Socket): void {
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let order: Order | undefined;
  let sent: Promise<void> | undefined;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    if (order) return;
    head = Buffer.concat([head, chunk]);
    if (head.length < ORDER_BYTES) return;
    order = decodeOrder(head);
    if (!order.inTurns) sent = send(socket, order);
  });
  socket.on('end', async () => {
    if (order?.inTurns) sent = send(socket, order);
    await sent;
    socket.end(hash.digest());
  });
}

/** Rejects, saying what was lost, when one connection fails. */
export async function verify({ port, connections, bytes, inTurns }: IntegrityInit): Promise<void> {
  const lanes = Array.from({ length: connections }, (_, lane) => verifyOne(port, { bytes, seed: lane + 1, inTurns }));
  await Promise.all(lanes);
}

async function verifyOne(port: number, order: Order): Promise<void> {
  const socket = await dialled(port);
  const deadline = setTimeout(() => socket.destroy(new Error(stuck())), DEADLINE_MS);
  const own = createHash('sha256');
  const heard = createHash('sha256');
  const expected = createHash('sha256');
  for (const chunk of chunksOf(order)) expected.update(chunk);
  let received = 0;
  let tail = Buffer.alloc(0);
  const stuck = () => `${received} of ${order.bytes + DIGEST_BYTES} bytes came back in ${DEADLINE_MS} ms, and no end`;
  socket.on('data', (chunk: Buffer) => {
    const payload = chunk.subarray(0, Math.max(0, order.bytes - received));
    heard.update(payload);
    tail = Buffer.concat([tail, chunk.subarray(payload.length)]);
    received += chunk.length;
  });
  try {
    const head = encodeOrder(order);
    own.update(head);
    socket.write(head);
    const ended = once(socket, 'end');
    await Promise.race([send(socket, { ...order, seed: order.seed + 1_000 }, (chunk) => own.update(chunk)), ended]);
    socket.end();
    await ended;
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
  if (received !== order.bytes + DIGEST_BYTES)
    throw new Error(`${received} bytes came back, not ${order.bytes + DIGEST_BYTES}`);
  if (!heard.digest().equals(expected.digest())) throw new Error('what the application sent arrived changed');
  if (!tail.equals(own.digest())) throw new Error('what was sent arrived changed at the application');
}

async function send(socket: Socket, order: Order, each: (chunk: Buffer) => void = () => {}): Promise<void> {
  for (const chunk of chunksOf(order)) {
    if (!socket.writable) return;
    each(chunk);
    if (!socket.write(chunk)) await drainedOrClosed(socket);
  }
}

function drainedOrClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** Bytes that repeat nowhere within a connection, the same for the same seed. */
function* chunksOf({ bytes, seed }: Order): Generator<Buffer> {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
    const words = new Uint32Array(Math.ceil(Math.min(CHUNK_BYTES, bytes - sent) / 4));
    for (let index = 0; index < words.length; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = state >>> 0;
    }
    yield Buffer.from(words.buffer, 0, Math.min(CHUNK_BYTES, bytes - sent));
  }
}
