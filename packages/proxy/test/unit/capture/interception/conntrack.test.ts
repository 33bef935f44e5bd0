import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  conntrackMissing,
  findInConntrack,
  originalByConntrack,
} from '../../../../src/capture/interception/conntrack.js';

/** What Linux 6.18 wrote for a redirected connection, for one that was not, and for others that look alike. */
const TABLE = `
ipv4     2 tcp      6 431998 ESTABLISHED src=10.80.1.20 dst=10.80.101.21 sport=40112 dport=9080 src=127.0.0.1 dst=10.80.1.20 sport=15001 dport=40112 [ASSURED] mark=0 zone=0 use=2
ipv4     2 tcp      6 118 SYN_SENT src=10.80.1.20 dst=10.80.101.22 sport=40113 dport=9080 [UNREPLIED] src=127.0.0.1 dst=10.80.1.20 sport=15001 dport=40113 mark=0 zone=0 use=2
ipv4     2 udp      17 29 src=10.80.1.20 dst=10.80.101.53 sport=40114 dport=53 src=127.0.0.1 dst=10.80.1.20 sport=15001 dport=40114 mark=0 zone=0 use=2
ipv4     2 tcp      6 299 ESTABLISHED src=10.80.1.1 dst=10.80.1.20 sport=40112 dport=15008 src=10.80.1.20 dst=10.80.1.1 sport=15008 dport=40112 [ASSURED] mark=0 zone=0 use=2
ipv4     2 icmp     1 29 src=10.80.1.20 dst=10.80.1.1 type=8 code=0 id=7 src=10.80.1.1 dst=10.80.1.20 type=0 code=0 id=7 mark=0 zone=0 use=2
ipv6     10 tcp      6 431999 ESTABLISHED src=2001:0db8:0000:0000:0000:0000:0000:0020 dst=2001:0db8:0000:0000:0000:0000:0000:0101 sport=40115 dport=80 src=0000:0000:0000:0000:0000:0000:0000:0001 dst=2001:0db8:0000:0000:0000:0000:0000:0020 sport=15001 dport=40115 [ASSURED] mark=0 zone=0 use=2
`;
const at = (host: string, port: number) => ({ host, port });

describe('the original destination by the table of connections', () => {
  it.each([
    ['redirected', at('127.0.0.1', 15001), at('10.80.1.20', 40112), at('10.80.101.21', 9080)],
    ['redirected, its answer not seen yet', at('127.0.0.1', 15001), at('10.80.1.20', 40113), at('10.80.101.22', 9080)],
    [
      'IPv6, which the table writes at full length',
      at('::1', 15001),
      at('2001:db8::20', 40115),
      at('2001:db8::101', 80),
    ],
    ['a dual-stack socket', at('::ffff:127.0.0.1', 15001), at('::ffff:10.80.1.20', 40112), at('10.80.101.21', 9080)],
    ['not redirected: where it went', at('10.80.1.20', 15008), at('10.80.1.1', 40112), at('10.80.1.20', 15008)],
  ])('is found for one that is %s', (_, accepted, client, original) => {
    expect(findInConntrack(TABLE, { accepted, client })).toEqual(original);
  });

  it.each([
    ['of another client', at('127.0.0.1', 15001), at('10.80.1.21', 40112)],
    ['of another port', at('127.0.0.1', 15006), at('10.80.1.20', 40112)],
    ['that is of UDP', at('127.0.0.1', 15001), at('10.80.1.20', 40114)],
    ['nobody has', at('127.0.0.1', 15001), at('10.80.1.20', 4011)],
  ])('is not taken from an entry %s', (_, accepted, client) => {
    expect(findInConntrack(TABLE, { accepted, client })).toBeUndefined();
  });
});

describe('reading the table', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  });

  function fileOf(text: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'isthmus-conntrack-'));
    cleanups.push(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'nf_conntrack'), text);
    return join(directory, 'nf_conntrack');
  }

  async function acceptedSocket(): Promise<{ readonly socket: Socket; readonly client: Socket }> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const client = connect(server.address() as { port: number });
    const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
    cleanups.push(
      () => server.close(),
      () => client.destroy(),
      () => socket.destroy(),
    );
    return { socket, client };
  }

  const lineFor = ({ remotePort, localPort }: Socket) =>
    `ipv4 2 tcp 6 9 ESTABLISHED src=127.0.0.1 dst=10.9.9.9 sport=${remotePort} dport=80 src=127.0.0.1 dst=127.0.0.1 sport=${localPort} dport=${remotePort} use=1\n`;

  it('finds the entry of a real socket, for several askers of one reading', async () => {
    const { socket } = await acceptedSocket();
    const find = originalByConntrack(fileOf(`${TABLE.repeat(50)}${lineFor(socket)}`));

    const found = await Promise.all([find(socket), find(socket), find(socket)]);

    expect(found).toEqual(Array.from({ length: 3 }, () => ({ kind: 'found', address: at('10.9.9.9', 80) })));
  });

  it('reads anew for who asks after a reading began: his entry may be younger', async () => {
    const [first, second] = await Promise.all([acceptedSocket(), acceptedSocket()]);
    const path = fileOf(lineFor(first.socket));
    const find = originalByConntrack(path);

    const before = await find(first.socket);
    writeFileSync(path, lineFor(second.socket));
    const after = await find(second.socket);

    expect([before.kind, after.kind]).toEqual(['found', 'found']);
  });

  it.each([
    ['the connection is not listed', () => fileOf(TABLE), 'does not list the connection'],
    ['there is no table', () => '/nonexistent/nf_conntrack', 'ENOENT'],
    ['the table is larger than every connection can pay for', () => fileOf('x'.repeat(5 * 1_048_576)), 'install koffi'],
  ])('says that it does not know when %s', async (_, path, reason) => {
    const { socket } = await acceptedSocket();

    const found = await originalByConntrack(path())(socket);

    expect(found).toEqual({ kind: 'unknown', reason: expect.stringContaining(reason) });
  });

  it('knows before the start whether there is a table', async () => {
    const missing = await conntrackMissing('/nonexistent/nf_conntrack');
    const there = await conntrackMissing(fileOf(''));

    expect(missing).toContain('/nonexistent/nf_conntrack cannot be read');
    expect(there).toBeUndefined();
  });
});
