import { describe, expect, it } from 'vitest';
import { handedOver } from '../../../../src/capture/interception/handed-over.js';
import { type InterceptionSystem, prepareInterception } from '../../../../src/capture/interception/interception.js';
import { judge } from '../../../../src/capture/interception/judge.js';
import { loadSocketOptions } from '../../../../src/capture/interception/socket-options.js';

const PID = 4711;
const system = (given: Partial<InterceptionSystem>): InterceptionSystem => ({
  platform: 'linux',
  env: {},
  pid: PID,
  socketOptions: () => loadSocketOptions('a-package-that-nobody-has'),
  conntrackMissing: async () => 'no table here',
  ...given,
});
const BOTH = { LISTEN_PID: String(PID), LISTEN_FDS: '2', LISTEN_FDNAMES: 'inbound-plaintext:outbound' };

describe('what a mode of interception needs', () => {
  it('is Linux first of all', async () => {
    const prepared = prepareInterception('TPROXY', system({ platform: 'darwin', env: BOTH }));

    await expect(prepared).rejects.toThrow(/on Linux only, not on darwin/);
  });

  it('REDIRECT asks the socket where koffi is', async () => {
    const interception = await prepareInterception('REDIRECT', system({ socketOptions: () => loadSocketOptions() }));

    expect(interception.by).toBe('SO_ORIGINAL_DST');
  });

  it('REDIRECT asks the table of connections where koffi is not', async () => {
    const interception = await prepareInterception('REDIRECT', system({ conntrackMissing: async () => undefined }));

    expect(interception.by).toBe('conntrack');
  });

  it('REDIRECT without either does not start, and says what to do about which', async () => {
    const prepared = prepareInterception('REDIRECT', system({}));

    await expect(prepared).rejects.toThrow(/a-package-that-nobody-has cannot be loaded .*install it.*no table here/s);
  });

  it('TPROXY takes the listeners that the head of its group opened', async () => {
    const opened = { outbound: [20, 21], 'inbound-plaintext': [22] };

    const { sockets } = await prepareInterception('TPROXY', system({ opened }));

    expect(sockets).toEqual(opened);
  });

  it('TPROXY takes the listeners it is handed, and without koffi needs both', async () => {
    const whole = await prepareInterception('TPROXY', system({ env: BOTH }));
    const half = prepareInterception('TPROXY', system({ env: { ...BOTH, LISTEN_FDS: '1' } }));

    expect(whole).toMatchObject({ by: 'local address', sockets: { 'inbound-plaintext': [3], outbound: [4] } });
    await expect(half).rejects.toThrow(/Transparent=yes, LISTEN_FDNAMES=outbound:inbound-plaintext/);
  });
});

describe('sockets handed over as by systemd', () => {
  it('count from descriptor 3, for the process they are meant for', () => {
    const ours = handedOver(BOTH, PID);
    const others = handedOver(BOTH, PID + 1);
    const none = handedOver({}, PID);

    expect([ours, others, none]).toEqual([{ 'inbound-plaintext': [3], outbound: [4] }, {}, {}]);
  });

  it('may have one name for several addresses, of either family say', () => {
    const env = { ...BOTH, LISTEN_FDS: '3', LISTEN_FDNAMES: 'outbound:outbound:inbound-plaintext' };

    expect(handedOver(env, PID)).toEqual({ outbound: [3, 4], 'inbound-plaintext': [5] });
  });

  it.each([
    ['an unknown name', { LISTEN_FDNAMES: 'outbound:admin' }],
    ['no names', { LISTEN_FDNAMES: undefined }],
  ])('with %s stop the start', (_, env) => {
    expect(() => handedOver({ ...BOTH, ...env }, PID)).toThrow(/LISTEN_FDNAMES: socket [12] of 2/);
  });
});

describe('where an intercepted connection may go', () => {
  const found = (host: string, port: number) => ({ kind: 'found', address: { host, port } }) as const;
  const accepted = { host: '10.80.1.20', port: 15001 };

  it.each([
    ['on to another host', found('10.80.101.21', 9080)],
    ['on to another host, even on a port of the mesh', found('10.80.1.21', 15008)],
    ['on to another port of this host', found('10.80.1.20', 9081)],
  ])('%s', (_, original) => {
    const destination = judge(original, { accepted, listenerPort: 15001 });

    expect(destination).toEqual({ kind: 'go', address: original.address });
  });

  it.each([
    ['the listener itself, which somebody called without being redirected', found('10.80.1.20', 15001)],
    ['another port of the proxy on the same address', found('10.80.1.20', 15008)],
    ['a port of the proxy on loopback', found('127.0.0.9', 15006)],
    ['a port of the proxy on loopback of IPv6', found('::1', 15001)],
  ])('not to %s', (_, original) => {
    const destination = judge(original, { accepted, listenerPort: 15001 });

    expect(destination).toMatchObject({ kind: 'refuse', fault: 'RECURSIVE_CALL' });
  });

  it('nowhere when nobody knows where it was going', () => {
    const destination = judge({ kind: 'unknown', reason: 'no entry' }, { accepted, listenerPort: 15001 });

    expect(destination).toEqual({
      kind: 'refuse',
      fault: 'UNKNOWN_DESTINATION',
      reason: 'original destination unknown: no entry',
    });
  });

  it('by the port a handed-over listener is bound to, whichever it is', () => {
    const other = { host: '10.80.1.20', port: 4001 };

    const destination = judge(found('10.80.1.20', 4001), { accepted: other, listenerPort: 4001 });

    expect(destination).toMatchObject({ kind: 'refuse', fault: 'RECURSIVE_CALL' });
  });
});
