/** A proxy whose mesh is a file in ztunnel's format (hbone.md 6.3): no discovery stream, certificates from a CA. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createExplainCommand } from '../../../src/admin/explain/command.js';
import { startApp } from '../../../src/app.js';
import { ROLES } from '../../../src/roles/index.js';
import { startTestControlPlane } from '../../support/control-plane.js';
import { reserveBlock } from '../../support/loopback.js';
import { settingsFor } from '../../support/proxy.js';
import { connectTo, exchange, serveEcho } from '../../support/tcp.js';
import { collectLines } from '../../support/telemetry.js';
import { addressesOf } from '../../support/two-clusters.js';

const ADDRESSES = addressesOf(await reserveBlock());
const LISTENER = { host: ADDRESSES.capture, port: 9080 };

const workload = (name: string, ip: string, more = '') => `
- uid: east//Pod/shop/${name}
  name: ${name}
  namespace: shop
  serviceAccount: ${name}
  trustDomain: cluster.local
  clusterId: east
  network: network-1
  node: node-a
  protocol: HBONE
  workloadIps: ["${ip}"]
  authorizationPolicies: ["shop/only-storefront"]
  services: ${more || '{}'}`;

const mesh = (principal: string) => `
workloads:${workload('storefront', ADDRESSES.storefront)}${workload(
  'ratings',
  ADDRESSES.ratings,
  '{"shop/ratings.shop.svc.cluster.local": {"80": 8080}}',
)}
services:
- name: ratings
  namespace: shop
  hostname: ratings.shop.svc.cluster.local
  vips: [network-1/240.0.0.1]
  ports:
    80: 8080
policies:
- name: only-storefront
  namespace: shop
  scope: WorkloadSelector
  action: Allow
  dryRun: false
  rules:
  - - - principals: [!Suffix "${principal}"]
        namespaces: [!Exact shop, !Presence []]
`;

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

async function start(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-local-mesh-'));
  scope.own(() => rm(folder, { recursive: true }));
  const path = join(folder, 'mesh.yaml');
  await writeFile(path, text);
  const authority = await createTestAuthority();
  const ca = await startTestControlPlane({ authority });
  scope.own(() => ca.stop());
  const output = collectLines();
  const settings = settingsFor('ztunnel', {
    LOCAL_XDS_PATH: path,
    CLUSTER_ID: 'east',
    NETWORK: 'network-1',
    CA_ADDRESS: `127.0.0.1:${ca.port}`,
    CA_ROOT_CA: ca.roots,
    ADMIN_ADDRESS: '127.0.0.1:0',
    METRICS_ADDRESS: '127.0.0.1:0',
    READINESS_ADDRESS: '127.0.0.1:0',
    LOG_FORMAT: 'json',
    OUTBOUND_LISTENERS: `shop/storefront@${LISTENER.host}:${LISTENER.port}=ratings:80`,
  });
  const app = await startApp(scope, {
    settings,
    role: ROLES.ztunnel,
    version: '0.0.0',
    stdout: output.stream,
    quit: () => {},
  });
  const local = async () => {
    const dump = (await (await fetch(`http://127.0.0.1:${app.ports.admin}/config_dump`)).json()) as {
      readonly discovery: { readonly local: { readonly problem?: string; readonly readAt: number } };
    };
    return dump.discovery.local;
  };
  return { app, local, rewrite: (next: string) => writeFile(path, next) };
}

async function call(): Promise<string> {
  return exchange(await connectTo(scope, LISTENER.host, LISTENER.port), 'hello');
}

describe('a proxy with a local mesh', () => {
  it('serves it without a control plane, policies with tagged matchers included', async () => {
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { app } = await start(mesh('/sa/storefront'));

    await app.ready;
    const answer = await call();

    expect(answer).toBe('hello');
  });

  it('follows the file, and stays with the last good one over a mistake', async () => {
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { app, local, rewrite } = await start(mesh('/sa/storefront'));
    await app.ready;
    const { readAt } = await local();

    await rewrite('workloads: [{namespace: shop, protcol: HBONE}]');
    while ((await local()).problem === undefined) await turn();
    const { problem } = await local();
    const meanwhile = await call();
    await rewrite(mesh('/sa/nobody'));
    while ((await local()).readAt === readAt) await turn();

    expect(problem).toContain('workloads[0].protcol: no such field');
    expect(meanwhile).toBe('hello');
    await expect(call()).rejects.toThrow();
  });

  it('is explained like any other', async () => {
    const { app } = await start(mesh('/sa/storefront'));
    await app.ready;
    let out = '';
    let exit: number | undefined;
    const command = createExplainCommand({
      out: (text) => (out += text),
      err: (text) => (out += text),
      exit: (code) => (exit = code),
    });

    const args = ['--from', 'shop/storefront', '--to', 'ratings:80', '--admin', `127.0.0.1:${app.ports.admin}`];
    await command.parseAsync(args, { from: 'user' });

    expect(exit).toBe(0);
    expect(out).toContain(`plan tunnel to endpoint: HBONE to ${ADDRESSES.ratings}:15008`);
  });

  it('does not start with a file that cannot be used, and says everything that is wrong with it', async () => {
    const { app } = await start('workloads: [{namespace: shop}]\nservices: {}');

    await expect(app.ready).rejects.toThrow(
      /mesh\.yaml: workloads\[0\]: neither uid nor name is set.*workloadIps is missing.*services: \{\} is no list/,
    );
  });
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
