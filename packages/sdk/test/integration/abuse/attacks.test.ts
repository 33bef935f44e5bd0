/**
 * Every row of the abuse budgets, attacked with its limits as they are, over TLS on loopback. The offender loses its
 * connection with the right GOAWAY; a neighbour with a tunnel of its own is the witness that nobody else does. How
 * much latency and memory an attack costs is measured against whole proxies: `npm run abuse -w e2e`.
 */
import { connect } from 'node:net';
import { SettingId } from '@isthmus/codec-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorCode, type TunnelStream } from '../../../src/hbone/index.js';
import { ABUSE_BUDGETS } from '../../../src/hbone/limits.js';
import { createVirtualClock, type PemIdentity } from '../../../src/testing.js';
import { ATTACKS } from '../../support/abuse/attacks.js';
import { until } from '../../support/deferred.js';
import { collect, type Sink } from '../../support/engine-pair.js';
import { createHboneFixture, echo, type HboneFixture, type RunningServer, WEB } from '../../support/hbone-fixture.js';
import { raw } from '../../support/raw-frames.js';
import { connectRaw } from '../../support/raw-tls-client.js';

let fixture: HboneFixture;
let running: RunningServer;
let attacker: PemIdentity;
let neighbour: { readonly stream: TunnelStream; readonly heard: Sink };

beforeAll(async () => {
  fixture = await createHboneFixture();
  running = await fixture.serve(echo);
  attacker = await fixture.authority.issuePem(WEB);
  const { stream } = await (await fixture.dial(running.address)).connect({ authority: '10.0.0.1:80', headers: [] });
  neighbour = { stream, heard: collect(stream) };
});
afterAll(() => fixture.close());

/** A word of the neighbour comes back, and nobody else is connected. */
async function expectPeace(): Promise<void> {
  const before = neighbour.heard.text().length;
  neighbour.stream.write(Buffer.from('still here'));
  await until(() => neighbour.heard.text().length > before || neighbour.heard.end !== undefined);
  expect(neighbour.heard.end).toBeUndefined();
  await until(() => running.server.connections === 1);
  expect(running.server.activeStreams).toBe(1);
}

describe('a peer that', () => {
  it.each(ATTACKS.filter(({ outcome }) => outcome !== 'bounded'))('$does gets GOAWAY $outcome', async (attack) => {
    const peer = await connectRaw(running.address, attacker);

    peer.send(attack.bytes('10.0.0.1:80'));
    const goAway = await peer.frame(({ type }) => type === 'GOAWAY');
    await peer.closed;

    expect(goAway.errorCode).toBe(ErrorCode[attack.outcome as keyof typeof ErrorCode]);
    // The reason names the budget, for the log of whoever wrote that peer.
    if (attack.budget) expect(goAway.payload.subarray(8).toString()).toContain(attack.budget);
    await expectPeace();
  });

  it.each(ATTACKS.filter(({ outcome }) => outcome === 'bounded'))(
    '$does may stay, and nobody notices',
    async (attack) => {
      const peer = await connectRaw(running.address, attacker);

      peer.send(attack.bytes('10.0.0.1:80'), raw.ping());
      await peer.frame(({ type, flags }) => type === 'PING' && flags === 1);
      const tooMuch = peer.frames.filter(({ type }) => type === 'GOAWAY');
      peer.socket.destroy();
      await peer.closed;

      expect(tooMuch).toEqual([]);
      await expectPeace();
    },
  );

  it('opens its windows one byte at a time, and waits for that byte, gets GOAWAY ENHANCE_YOUR_CALM', async () => {
    const peer = await connectRaw(running.address, attacker);
    const windows = raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0]);
    peer.send(windows, raw.connect(1), raw.data(1, Buffer.alloc(65_536, 'z')));

    const counted = (type: string) => peer.frames.filter((frame) => frame.type === type).length;
    for (let bytes = 1; counted('GOAWAY') === 0; bytes++) {
      peer.send(raw.windowUpdate(1, 1));
      await until(() => counted('DATA') === bytes || counted('GOAWAY') > 0);
    }
    const goAway = await peer.frame(({ type }) => type === 'GOAWAY');

    expect(goAway.errorCode).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    expect(goAway.payload.subarray(8).toString()).toContain('windowTrickles');
    await peer.closed;
    await expectPeace();
  });

  it('asks for answers and never reads them is cut off before they pile up', async () => {
    const limits = { ...ABUSE_BUDGETS, pings: { ...ABUSE_BUDGETS.pings, limit: Number.POSITIVE_INFINITY } };
    const unread = await fixture.serve(echo, { limits, settings: { lingerMs: 50 } });
    const peer = await connectRaw(unread.address, attacker);
    peer.socket.pause();
    const pings = Buffer.alloc(17 * 4_096, raw.ping());

    // The kernel holds some megabytes of answers before the first one waits in our process.
    while (unread.server.connections > 0 && !peer.socket.destroyed) {
      await new Promise((resolve) => peer.socket.write(pings, resolve));
    }

    await until(() => unread.server.connections === 0);
    await expectPeace();
  });
});

describe('the table', () => {
  it('has an attack on every budget', () => {
    const attacked = new Set(ATTACKS.flatMap(({ budget }) => budget ?? []));

    // The attacks on the two are above: they keep step with what comes back, or do not read it.
    expect(new Set([...attacked, 'windowTrickles', 'queuedReplyBytes'])).toEqual(new Set(Object.keys(ABUSE_BUDGETS)));
  });
});

describe('peers that never finish their handshake', () => {
  it.each([
    ['say nothing at all', []],
    ['send half a TLS record', [Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00)]],
  ] as const)('and %s are gone after the deadline, all of them, while others are served', async (_, opening) => {
    const clock = createVirtualClock();
    const { address, server } = await fixture.serve(echo, { clock });
    const halfOpen = Array.from({ length: 200 }, () => connect(address.port, address.host).on('error', () => {}));
    for (const socket of halfOpen) for (const bytes of opening) socket.write(bytes);
    await until(() => server.connections === halfOpen.length);

    const { stream } = await (await fixture.dial(address)).connect({ authority: '10.0.0.1:80', headers: [] });
    clock.advance(10_000);
    await until(() => server.connections === 1);

    const heard = collect(stream);
    stream.write(Buffer.from('served'));
    await until(() => heard.text() === 'served');
    expect(server.activeStreams).toBe(1);
    for (const socket of halfOpen) socket.destroy();
  });

  it('keep nobody out, however many they are: the oldest makes room', async () => {
    const { address, server } = await fixture.serve(echo, { maxConnections: 20 });
    const halfOpen = Array.from({ length: 40 }, () => connect(address.port, address.host).on('error', () => {}));
    await until(() => halfOpen.filter(({ destroyed }) => destroyed).length === 20);

    const { stream } = await (await fixture.dial(address)).connect({ authority: '10.0.0.1:80', headers: [] });
    const heard = collect(stream);
    stream.write(Buffer.from('served'));
    await until(() => heard.text() === 'served');

    expect(server.connections).toBe(20);
    for (const socket of halfOpen) socket.destroy();
  });

  it('and stop after TLS get GOAWAY SETTINGS_TIMEOUT', async () => {
    const clock = createVirtualClock();
    const { address, server } = await fixture.serve(echo, { clock });
    const peer = await connectRaw(address, attacker, [raw.preface.subarray(0, 10)]);
    await peer.frame(({ type }) => type === 'SETTINGS');

    clock.advance(10_000);
    const goAway = await peer.frame(({ type }) => type === 'GOAWAY');

    expect(goAway.errorCode).toBe(ErrorCode.SETTINGS_TIMEOUT);
    peer.socket.destroy();
    await until(() => server.connections === 0);
  });
});
