import { Socket, type SocketConstructorOpts } from 'node:net';
import { getHeapSpaceStatistics } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { expectManySockets } from '../../../src/runtime/index.js';

/** Where hidden classes are, and what survives young collections. */
const oldBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;

/** So many that whatever else grows old in this process counts for little. */
const SOCKETS = 20_000;
/** Four hidden classes for each socket, and what hangs on them, are 1288 bytes. */
const MAX_BYTES_EACH = 400;

describe('a process that expects many sockets', () => {
  test.for<[string, object]>([
    ['accepted', { allowHalfOpen: false, pauseOnCreate: true, readable: true, writable: true }],
    ['dialled', { host: '127.0.0.1', port: 1, noDelay: true }],
  ])('makes no hidden classes for each one that is %s', ([, options]) => {
    expectManySockets();
    const before = oldBytes();

    for (let count = 0; count < SOCKETS; count++) new Socket(options as SocketConstructorOpts);

    expect((oldBytes() - before) / SOCKETS).toBeLessThan(MAX_BYTES_EACH);
  });
});
