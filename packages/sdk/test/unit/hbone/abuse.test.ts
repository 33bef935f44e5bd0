/** Each row of the abuse budgets, attacked: one less than too many passes, one too many costs the connection. */
import { SettingId } from '@isthmus/codec-wasm';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import { ABUSE_BUDGETS, type BudgetName, type Limits } from '../../../src/hbone/limits.js';
import { createRawClient, type RawClient } from '../../support/raw-engine-peer.js';
import { raw } from '../../support/raw-frames.js';

const SMALL = 20;

/** All budgets as they are, the attacked one small. */
function limitsWith(name: BudgetName): Limits {
  return { ...ABUSE_BUDGETS, [name]: { ...ABUSE_BUDGETS[name], limit: SMALL } };
}

interface Attack {
  prepare?(peer: RawClient): void;
  /** The frames of the nth strike, which costs exactly one. */
  strike(n: number): Buffer;
}

const CONNECT = [
  [':method', 'CONNECT'],
  [':authority', 'a:1'],
] as const;

const id = (n: number) => n * 2 + 1;

const ATTACKS: Readonly<Record<Exclude<BudgetName, 'queuedReplyBytes' | 'settings'>, Attack>> = {
  rapidReset: {
    strike: (n) => Buffer.concat([raw.connect(id(n)), raw.rstStream(id(n), ErrorCode.CANCEL)]),
  },
  provokedResets: {
    // A CONNECT with :path is malformed (RFC 9113 section 8.5).
    strike: (n) => raw.headers(id(n), [...CONNECT, [':path', '/'], [':scheme', 'http']]),
  },
  pings: { strike: () => raw.ping() },
  emptyData: {
    prepare: (peer) => peer.send(raw.connect(1)),
    strike: () => raw.data(1, ''),
  },
  windowTrickles: {
    prepare(peer) {
      peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0]), raw.connect(1));
      const [request] = peer.requests;
      request?.accept([]);
      request?.stream.write(Buffer.alloc(10_000));
      peer.answers();
    },
    strike: () => raw.windowUpdate(1, 1),
  },
  lateFrames: {
    prepare: (peer) => peer.send(raw.connect(1), raw.rstStream(1, ErrorCode.CANCEL)),
    strike: () => raw.windowUpdate(1, 1),
  },
};

describe.each(Object.entries(ATTACKS))('the budget %s', (name, attack) => {
  it(`lets ${SMALL} pass and ends the connection at the next, with ENHANCE_YOUR_CALM`, () => {
    const peer = createRawClient({ limits: limitsWith(name as BudgetName) });
    attack.prepare?.(peer);

    for (let n = 0; n < SMALL; n++) peer.send(attack.strike(n));
    const before = peer.end;
    const answer = peer.send(attack.strike(SMALL));

    expect(before).toBeUndefined();
    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.ENHANCE_YOUR_CALM });
    expect(peer.end).toMatchObject({ kind: 'fault', fault: { message: expect.stringContaining(name) } });
  });

  it('is full again when its time has passed', () => {
    const peer = createRawClient({ limits: limitsWith(name as BudgetName) });
    attack.prepare?.(peer);

    for (let n = 0; n < SMALL; n++) peer.send(attack.strike(n));
    peer.now += ABUSE_BUDGETS[name as keyof typeof ATTACKS].windowMs;
    for (let n = SMALL; n < 2 * SMALL; n++) peer.send(attack.strike(n));

    expect(peer.end).toBeUndefined();
  });
});

describe('the budget rapidReset', () => {
  it.each([
    [
      'was answered and carried bytes',
      (peer: RawClient, stream: number) => peer.send(raw.connect(stream), raw.data(stream, 'x')),
    ],
    [
      'lived for a second',
      (peer: RawClient, stream: number) => {
        peer.send(raw.connect(stream));
        peer.now += 1_000;
      },
    ],
  ])('does not count a stream that %s', (_, live) => {
    const peer = createRawClient({ limits: limitsWith('rapidReset') }, (request) => request.accept([]));

    for (let n = 0; n <= SMALL; n++) {
      live(peer, id(n));
      peer.send(raw.rstStream(id(n), ErrorCode.CANCEL));
    }

    expect(peer.end).toBeUndefined();
  });
});

describe('the budget settings', () => {
  it('counts every SETTINGS frame that asks for an answer', () => {
    const peer = createRawClient({ limits: limitsWith('settings') });

    // One is in the handshake.
    for (let n = 1; n < SMALL; n++) peer.send(raw.settings());
    const before = peer.end;
    const answer = peer.send(raw.settings());

    expect(before).toBeUndefined();
    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.ENHANCE_YOUR_CALM });
  });
});

describe('the budget queuedReplyBytes', () => {
  it('bounds what a peer that asks and never reads makes us hold', () => {
    const peer = createRawClient({ limits: limitsWith('queuedReplyBytes') });

    peer.engine.receive(raw.ping(), 0);
    const before = peer.end;
    peer.engine.receive(raw.ping(), 0);

    expect(before).toBeUndefined();
    expect(peer.end).toMatchObject({ kind: 'fault', fault: { message: expect.stringContaining('queuedReplyBytes') } });
  });
});
