import { describe, expect, it } from 'vitest';
import { createSession, type VersionedView } from '../../src/xds/index.js';
import { ADDRESS, AUTHORIZATION, drain, readOutgoing, request } from '../support/xds.js';

let version = 0;

/** Resources by name and version; their bytes are as long as asked for. */
function view(
  address: Record<string, string>,
  authorization: Record<string, string> = {},
  bytesEach = 10,
): VersionedView {
  const encode = (names: Record<string, string>) =>
    new Map(
      Object.entries(names).map(([name, version]) => {
        const bytes = resourceBytes(name, version, bytesEach);
        return [name, { name, version, bytes, size: bytes.length }];
      }),
    );
  version += 1;
  const addressIndex = () => ({ lookup: () => undefined, onNode: () => [] });
  const resources = { address: encode(address), authorization: encode(authorization) };
  return { version, resources, addressIndex, changesSince: () => undefined };
}

/** A `Resource` message: name is field 3, version field 1; padded by an unknown field. */
function resourceBytes(name: string, version: string, length: number): Uint8Array {
  const field = (number: number, text: string) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, text.length]), Buffer.from(text)]);
  const padding = Buffer.alloc(Math.max(0, length - 4 - name.length - version.length), 0);
  const head = Buffer.concat([field(1, version), field(3, name)]);
  if (padding.length === 0) return head;
  // Field 15, bytes, with a two-byte length.
  return Buffer.concat([head, Buffer.from([0x7a, (padding.length & 0x7f) | 0x80, padding.length >> 7]), padding]);
}

function subscribed(...types: readonly string[]) {
  const session = createSession({ id: 's' });
  for (const type of types) session.receive(request(type));
  return session;
}

describe('a discovery session', () => {
  it('answers each type once it is subscribed to, policies first, even with nothing to say', () => {
    const session = subscribed(ADDRESS, AUTHORIZATION);

    const responses = drain(session, view({ a: '1' }));

    expect(responses.map(({ type, names }) => [type, names])).toEqual([
      ['address', ['a']],
      ['authorization', []],
    ]);
  });

  it('sends policies before workloads, and takes them away after', () => {
    const session = subscribed(ADDRESS, AUTHORIZATION);

    const first = drain(session, view({ a: '1' }, { p: '1' }));
    const second = drain(session, view({ a: '2' }, { q: '1' }));

    expect(first.map(({ type, names }) => [type, names])).toEqual([
      ['authorization', ['p']],
      ['address', ['a']],
    ]);
    expect(second.map(({ type, names, removed }) => [type, names, removed])).toEqual([
      ['authorization', ['q'], []],
      ['address', ['a'], []],
      ['authorization', [], ['p']],
    ]);
  });

  it('sends what changed, and nothing twice', () => {
    const session = subscribed(ADDRESS);
    drain(session, view({ a: '1', b: '1', c: '1' }));

    const same = drain(session, view({ a: '1', b: '1', c: '1' }));
    const changed = drain(session, view({ a: '1', b: '2', d: '1' }));

    expect(same).toEqual([]);
    expect(changed.map(({ names, removed }) => [names, removed])).toEqual([[['b', 'd'], ['c']]]);
  });

  it('tells a proxy that comes back the differences to what it holds', () => {
    const session = createSession({ id: 's' });
    session.receive(request(ADDRESS, { initialResourceVersions: { a: '1', b: '1', gone: '1' } }));

    const responses = drain(session, view({ a: '1', b: '2' }));

    expect(responses.map(({ names, removed }) => [names, removed])).toEqual([[['b'], ['gone']]]);
  });

  it('answers a proxy that holds everything with nothing, but answers', () => {
    const session = createSession({ id: 's' });
    session.receive(request(ADDRESS, { initialResourceVersions: { a: '1' } }));

    expect(drain(session, view({ a: '1' })).map(({ names, removed }) => [names, removed])).toEqual([[[], []]]);
  });

  it('does not send again what was rejected until its content changes', () => {
    const session = subscribed(ADDRESS);
    const nonce = drain(session, view({ a: '1' }))[0]!.nonce;

    // ztunnel leaves the code at 0.
    const received = session.receive(
      request(ADDRESS, { responseNonce: nonce, errorDetail: { code: 0, message: 'a: bad address' } }),
    );
    const unchanged = drain(session, view({ a: '1' }));
    const changed = drain(session, view({ a: '2' }));

    expect(received).toEqual({ kind: 'rejected', typeUrl: ADDRESS, nonce, reason: 'a: bad address' });
    expect(unchanged).toEqual([]);
    expect(changed.map(({ names }) => names)).toEqual([['a']]);
    expect(session.status()).toMatchObject([{ state: 'rejected', lastRejection: { nonce, reason: 'a: bad address' } }]);
  });

  it('knows what was sent, acknowledged and rejected', () => {
    const session = subscribed(ADDRESS);
    const before = session.status()[0]?.state;
    const [first] = drain(session, view({ a: '1' }));
    const sent = session.status()[0]?.state;
    const acked = session.receive(request(ADDRESS, { responseNonce: first!.nonce })).kind;

    expect([before, sent, acked, session.status()[0]?.state]).toEqual(['not sent', 'stale', 'acked', 'synced']);
  });

  it('ignores answers to what was never sent or is long answered', () => {
    const session = subscribed(ADDRESS);
    const [first] = drain(session, view({ a: '1' }));
    session.receive(request(ADDRESS, { responseNonce: first!.nonce }));

    const repeated = session.receive(request(ADDRESS, { responseNonce: first!.nonce }));
    const foreign = session.receive(request(ADDRESS, { responseNonce: 'other/1', errorDetail: { message: 'x' } }));

    expect([repeated.kind, foreign.kind]).toEqual(['stale', 'stale']);
    expect(session.status()[0]?.state).toBe('synced');
  });

  it('cuts large answers into pieces, removals with the last', () => {
    const session = createSession({ id: 's', maxResponseBytes: 250 });
    session.receive(request(ADDRESS, { initialResourceVersions: { gone: '1' } }));

    const responses = drain(session, view({ a: '1', b: '1', c: '1', d: '1', e: '1' }, {}, 100));

    expect(responses.map(({ names, removed }) => [names, removed])).toEqual([
      [['a', 'b'], []],
      [['c', 'd'], []],
      [['e'], ['gone']],
    ]);
  });

  it('skips to the newest view when one comes half way: what was sent counts, the rest is worked out anew', () => {
    const session = createSession({ id: 's', maxResponseBytes: 100 });
    session.receive(request(ADDRESS));
    const first = readOutgoing(session.next(view({ a: '1', b: '1', c: '1' }, {}, 100))!);

    const rest = drain(session, view({ a: '1', b: '2', d: '1' }, {}, 100));

    expect(first.names).toEqual(['a']);
    expect(rest.flatMap(({ names }) => names)).toEqual(['b', 'd']);
    expect(rest.flatMap(({ removed }) => removed)).toEqual([]);
  });

  it('sends again what is asked for by name, and says what does not exist', () => {
    const session = subscribed(ADDRESS);
    const current = view({ a: '1', b: '1' });
    drain(session, current);

    session.receive(request(ADDRESS, { resourceNamesSubscribe: ['b', 'nothing'] }));

    expect(drain(session, current).map(({ names, removed }) => [names, removed])).toEqual([[['b'], ['nothing']]]);
    expect(drain(session, view({ a: '1', b: '1' }))).toEqual([]);
  });

  it('takes an explicit wildcard', () => {
    const session = createSession({ id: 's' });
    session.receive(request(ADDRESS, { resourceNamesSubscribe: ['*'] }));

    expect(drain(session, view({ a: '1' })).map(({ names }) => names)).toEqual([['a']]);
  });

  it('answers types it does not know with nothing, and refuses a flood of them', () => {
    const session = subscribed('type.googleapis.com/envoy.config.cluster.v3.Cluster', ADDRESS);

    const responses = drain(session, view({ a: '1' }));
    const flood = Array.from({ length: 16 }, (_, index) => session.receive(request(`type/${index}`)));

    expect(responses.map(({ type, names }) => [type, names])).toEqual([
      ['address', ['a']],
      ['other', []],
    ]);
    expect(flood.at(-1)).toMatchObject({ kind: 'refused', code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['a type', request('x'.repeat(3_000))],
    ['a name', request(ADDRESS, { resourceNamesSubscribe: ['shop/a', 'x'.repeat(3_000)] })],
  ])('ends the stream of who asks for %s beyond all length: it would be kept', (_, first) => {
    const received = createSession({ id: 's' }).receive(first);

    expect(received).toMatchObject({ kind: 'refused', code: 'INVALID_ARGUMENT' });
  });
});
