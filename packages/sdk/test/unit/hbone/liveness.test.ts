/** Every rule of time, with two engines and a clock that the test moves. */
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import { createEnginePair } from '../../support/engine-pair.js';
import { createRawClient } from '../../support/raw-engine-peer.js';
import { raw } from '../../support/raw-frames.js';

describe('liveness', () => {
  it('keeps an idle connection for ever while PINGs are answered', async () => {
    const pair = createEnginePair();
    await pair.settle();

    await pair.advance(3_600_000, 'up');

    expect(pair.ends).toEqual({});
  });

  it('ends both sides 20 s after a PING that nobody answers', async () => {
    const pair = createEnginePair();
    await pair.settle();

    await pair.advance(29_999, 'cut');
    const before = { ...pair.ends };
    await pair.advance(1, 'cut');

    expect(before).toEqual({});
    expect(pair.ends).toMatchObject({
      client: { kind: 'fault', fault: { code: 'TUNNEL_LOST', message: expect.stringContaining('20000 ms') } },
      server: { kind: 'fault' },
    });
  });

  it('pings first after 10 s, then 10 s after each answer', () => {
    const peer = createRawClient();

    peer.engine.tick(9_999);
    const tooEarly = peer.answers();
    peer.engine.tick(10_000);
    const [ping] = peer.answers();
    peer.now = 14_000;
    peer.send(raw.pingAck(ping!.payload));
    peer.engine.tick(23_999);
    const stillResting = peer.answers();
    peer.engine.tick(24_000);

    expect(tooEarly).toEqual([]);
    expect(ping?.type).toBe('PING');
    expect(stillResting).toEqual([]);
    expect(peer.answers()).toMatchObject([{ type: 'PING' }]);
  });

  it('does not take an answer to a question it never asked for a sign of life', () => {
    const peer = createRawClient();
    peer.engine.tick(10_000);

    peer.now = 20_000;
    peer.send(raw.pingAck(Buffer.from('unasked!')));
    peer.engine.tick(30_000);

    expect(peer.answers().at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.NO_ERROR });
    expect(peer.end).toMatchObject({ kind: 'fault' });
  });
});

describe('the handshake', () => {
  it('is given up after 10 s without SETTINGS', () => {
    const peer = createRawClient({ opening: raw.preface });

    peer.engine.tick(9_999);
    const before = peer.end;
    peer.engine.tick(10_000);

    expect(before).toBeUndefined();
    expect(peer.end).toMatchObject({ kind: 'fault', fault: { code: 'H2_HANDSHAKE_FAILURE' } });
    expect(peer.answers().at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.SETTINGS_TIMEOUT });
  });

  it('that ends in a closed connection points at the certificate', () => {
    const peer = createRawClient({ opening: Buffer.alloc(0) });

    peer.engine.transportEnded();

    expect(peer.end).toMatchObject({
      kind: 'fault',
      fault: { code: 'H2_HANDSHAKE_FAILURE', message: expect.stringContaining('certificate') },
    });
  });
});
