import { createScope, silentLogger } from '@isthmus/sdk/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { createExplainCommand } from '../../../src/admin/explain/command.js';
import { type ExplainSources, explainRoute } from '../../../src/admin/explain/route.js';
import { serveHttp } from '../../../src/admin/http.js';
import { storeOf } from '../../support/model.js';
import { addressesOf, eastRecords } from '../../support/two-clusters.js';

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

const ADDRESSES = addressesOf('127.41.90');
const GATEWAY = `${ADDRESSES.gateway}:15008`;

/** The admin port of a ztunnel in east, as far as this page needs one. */
async function serveAdmin(overrides: Partial<ExplainSources> = {}): Promise<string> {
  const store = storeOf(eastRecords(ADDRESSES));
  const isLocal = ({ name }: { readonly name: string }) => name === 'storefront';
  const route = explainRoute({
    snapshot: () => store.snapshot,
    running: () => ({ localWorkloads: [...store.snapshot.workloads()].filter(isLocal) }),
    config: { network: 'network-1' },
    gatewaysOutOfService: async () => [],
    random: () => 0,
    ...overrides,
  });
  const port = await serveHttp(scope, { address: { host: '127.0.0.1', port: 0 }, routes: [route], log: silentLogger });
  return `127.0.0.1:${port}`;
}

async function explain(...args: readonly string[]) {
  const said = { out: '', err: '', code: undefined as number | undefined };
  const command = createExplainCommand({
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
    exit: (code) => (said.code = code),
  });
  command.exitOverride().configureOutput({ writeErr: (text) => (said.err += text) });
  await command.parseAsync([...args], { from: 'user' }).catch((error: { exitCode?: number }) => {
    said.code = error.exitCode;
  });
  return said;
}

describe('isthmus-proxy explain', () => {
  it('prints every candidate and the plan, and exits with 0', async () => {
    const admin = await serveAdmin();

    const { out, code } = await explain('--from', 'shop/storefront', '--to', 'ratings:80', '--admin', admin);

    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'east//Pod/shop/storefront as spiffe://cluster.local/ns/shop/sa/storefront on network "network-1"',
      'to ratings:80',
      '',
      'destination ratings:80 (network "network-1", namespace shop)',
      '  -> service shop/ratings.shop.svc.cluster.local',
      'endpoint shop/ratings.shop.svc.cluster.local port 80',
      '  -> east//Pod/shop/ratings',
      `  * taken 100 %   east//Pod/shop/ratings (network "network-1" at ${ADDRESSES.ratings}, capacity 1): drawn by capacity`,
      '',
      `plan tunnel to endpoint: HBONE to ${ADDRESSES.ratings}:15008 that proves spiffe://cluster.local/ns/shop/sa/ratings, CONNECT ${ADDRESSES.ratings}:8080`,
      '',
    ]);
  });

  it('says which gateways are out of service', async () => {
    const since = Date.UTC(2026, 0, 2, 3, 4, 5);
    const found = { address: GATEWAY, reason: 'refused', since } as const;
    const admin = await serveAdmin({
      gatewaysOutOfService: async () => [
        { ...found, state: 'ejected' },
        { ...found, state: 'on-trial', worker: 2 },
      ],
    });

    const { out, code } = await explain('--from', 'shop/storefront', '--to', 'reviews:80', '--admin', admin);

    expect(code).toBe(0);
    expect(out).toContain(`plan nested: HBONE to ${GATEWAY} that proves`);
    expect(out).toContain(`gateway ${GATEWAY} ejected since 2026-01-02T03:04:05.000Z, tried last: refused`);
    expect(out).toContain(`gateway ${GATEWAY} on-trial since 2026-01-02T03:04:05.000Z in worker 2, tried as any other`);
  });

  it('prints JSON for machines', async () => {
    const admin = await serveAdmin();

    const { out } = await explain('--from', 'shop/storefront', '--to', '240.0.0.2:80', '--admin', admin, '--json');

    expect(JSON.parse(out)).toMatchObject({
      from: { uid: 'east//Pod/shop/storefront' },
      to: '240.0.0.2:80',
      local: true,
      plan: { kind: 'nested', outer: { address: GATEWAY } },
      gatewaysOutOfService: [],
    });
  });

  it('exits with 3 when the connection would be refused, and says why', async () => {
    const admin = await serveAdmin();

    const { out, code } = await explain('--from', 'shop/storefront', '--to', 'ratings:81', '--admin', admin);

    expect(code).toBe(3);
    expect(out).toContain('plan refuse UNKNOWN_PORT: shop/ratings.shop.svc.cluster.local does not list port 81');
    expect(out).toContain('hint: ');
  });

  it('explains for a workload that is not local, and says so', async () => {
    const admin = await serveAdmin();

    const { out, code } = await explain('--from', 'shop/ratings', '--to', 'ratings:80', '--admin', admin);

    expect(code).toBe(0);
    expect(out).toContain('not a workload of this proxy');
  });

  it('exits with 1 when the workload is not known or nobody answers', async () => {
    const admin = await serveAdmin();

    const unknown = await explain('--from', 'shop/nobody', '--to', 'ratings:80', '--admin', admin);
    await scope.close();
    const away = await explain('--from', 'shop/storefront', '--to', 'ratings:80', '--admin', admin);

    expect([unknown.code, away.code]).toEqual([1, 1]);
    expect(unknown.err).toContain(
      'no workload shop/nobody is known here on network "network-1"; this proxy stands for shop/storefront',
    );
    expect(away.err).toMatch(/ECONNREFUSED.*ADMIN_ADDRESS/);
  });

  it('exits with 1 when what answers is no proxy of this version', async () => {
    const handle = () => ({ status: 200, body: 'hello' });
    const routes = [{ method: 'GET', path: '/explain', summary: '', handle }] as const;
    const port = await serveHttp(scope, { address: { host: '127.0.0.1', port: 0 }, routes, log: silentLogger });

    const { err, code } = await explain('--from', 'a/b', '--to', 'c:1', '--admin', `127.0.0.1:${port}`);

    expect(code).toBe(1);
    expect(err).toContain('did not answer with an explanation');
  });

  it.each([
    ['no --to', ['--from', 'shop/storefront']],
    ['a --from that is no namespace/pod', ['--from', 'storefront', '--to', 'ratings:80']],
    ['a --to without a port', ['--from', 'shop/storefront', '--to', 'ratings']],
    ['an admin address that is none', ['--from', 'shop/storefront', '--to', 'ratings:80', '--admin', 'proxy']],
  ])('is misused with %s', async (_, args) => {
    const { code, err } = await explain(...args);

    expect(code).not.toBe(0);
    expect(err).toMatch(/error: /);
  });

  it('lets the proxy judge what only it can: a --to that is no authority exits with 2', async () => {
    const admin = await serveAdmin();

    const { code, err } = await explain('--from', 'shop/storefront', '--to', 'ra tings:99999', '--admin', admin);
    const beyond = await explain('--from', 'shop/storefront', '--to', 'ratings:99999', '--admin', admin);

    expect(err).toContain('error: ');
    expect(code).not.toBe(0);
    expect(beyond.code).toBe(2);
    expect(beyond.err).toContain('expected host:port');
  });
});
