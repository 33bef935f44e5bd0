/** Trust bundles as proxies are told of them, by the client that proxies use. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { createTrust, followTrustBundles, type Trust, type TrustBundles } from '@isthmus/sdk/identity';
import { createScope, realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { type spiffePb, trustService } from '@isthmus/sdk/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeRequest } from '../support/csr.js';
import { namespace } from '../support/objects.js';
import { befriend, startPeerPlane } from '../support/peers.js';
import { requestCertificate, startPlane, type TestPlane } from '../support/plane.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function follow(test: TestPlane, token: string): Trust {
  const trust = createTrust();
  const access = { address: `localhost:${test.plane.ports.listen}`, roots: test.rootPem, token };
  followTrustBundles(scope, { access, trust, clock: realClock, log: silentLogger });
  return trust;
}

function told(trust: Trust, isWanted: (bundles: TrustBundles) => boolean): Promise<TrustBundles> {
  return new Promise((resolve) => {
    const look = () => {
      if (trust.bundles && isWanted(trust.bundles)) resolve(trust.bundles);
    };
    trust.onChanged(look);
    look();
  });
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

describe('trust bundles', () => {
  it('are told at once, and again when root-cert.pem gains a root or loses one', async () => {
    const test = await startPlane({ clusters: { east: { 'a.yaml': [namespace('shop')] } } });
    const roots = join(test.directory, 'ca', 'root-cert.pem');
    const { rootPem: next } = await createTestAuthority();
    const trust = follow(test, await test.token({}));

    const first = await told(trust, () => true);
    await replace(roots, test.rootPem + next);
    const both = await told(trust, (bundles) => bundles.get('cluster.local')?.length === 2);
    const { csr } = await makeRequest();
    const chain = await requestCertificate(test, { csr, token: await test.token({}) });
    const { ca } = test.plane.status();
    await replace(roots, test.rootPem);
    const last = await told(trust, (bundles) => bundles.get('cluster.local')?.length === 1);

    expect([...first]).toEqual([['cluster.local', [test.rootPem]]]);
    expect(both.get('cluster.local')?.[0]).toBe(test.rootPem);
    expect(chain.at(-1)?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    await scope.close();
    while (test.plane.status().ca.followers > 0) await new Promise((resolve) => setTimeout(resolve, 5));

    expect([...last]).toEqual([...first]);
    expect(ca.roots).toMatchObject([
      { signs: true, followers: 1, issued: 1 },
      { signs: false, followers: 1, issued: 0, subject: 'O=cluster.local, CN=test root' },
    ]);
    await test.close();
  });

  it('hold the roots of other trust domains that the settings name, as long as their file holds them', async () => {
    const partner = await createTestAuthority({ trustDomain: 'partner.example' });
    const replaced = await createTestAuthority({ trustDomain: 'partner.example' });
    const test = await startPlane({
      clusters: { east: { 'a.yaml': [namespace('shop')] } },
      files: { 'partner.pem': partner.rootPem },
      config: 'trustBundles: [{trustDomain: partner.example, file: partner.pem}]',
    });
    scope.own(() => test.close());
    const file = join(test.directory, 'partner.pem');
    const trust = follow(test, await test.token({}));
    const rootOf = (bundles: TrustBundles) => bundles.get('partner.example')?.[0];

    const first = await told(trust, () => true);
    await replace(file, 'nothing');
    const problem = await test.logged(({ message }) => message === 'roots of partner.example stays as it was before');
    await replace(file, replaced.rootPem);
    const second = await told(trust, (bundles) => rootOf(bundles) !== rootOf(first));

    expect(rootOf(first)).toBe(partner.rootPem);
    expect(problem).toMatchObject({ reason: expect.stringContaining('it holds no PEM certificate') });
    expect(rootOf(second)).toBe(replaced.rootPem);
  });

  it('hold the roots of a peer of another trust domain until it is removed, and never for our own names', async () => {
    const east = await startPeerPlane({ cluster: 'east', network: 'network-1', objects: [namespace('shop')] });
    const west = await startPeerPlane({
      cluster: 'west',
      network: 'network-2',
      objects: [namespace('shop')],
      trustDomain: 'west.example',
    });
    const north = await startPeerPlane({ cluster: 'north', network: 'network-3', objects: [namespace('shop')] });
    for (const plane of [east, west, north]) scope.own(() => plane.close());
    const trust = follow(east, await east.token({}));
    await told(trust, () => true);

    await befriend(east, north);
    await befriend(east, west);
    const joined = await told(trust, (bundles) => bundles.size === 2);
    await east.peer('remove', 'west');
    const left = await told(trust, (bundles) => bundles.size === 1);

    expect([...joined]).toEqual([
      ['cluster.local', [east.rootPem]],
      ['west.example', [west.rootPem]],
    ]);
    expect([...left]).toEqual([['cluster.local', [east.rootPem]]]);
  });

  it('are told to callers that prove who they are, and send the header that SPIFFE demands', async () => {
    const test = await startPlane({ clusters: { east: { 'a.yaml': [namespace('shop')] } } });
    scope.own(() => test.close());
    const token = await test.token({});

    const stranger = await refusal(test, { 'workload.spiffe.io': 'true' });
    const forged = await refusal(test, { authorization: `Bearer ${token}` });

    expect(stranger).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(forged).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('spiffe') });
  });
});

async function refusal(test: TestPlane, headers: Readonly<Record<string, string>>): Promise<ServiceError> {
  const roots = await readFile(join(test.directory, 'ca', 'root-cert.pem'));
  const client = new Client(`localhost:${test.plane.ports.listen}`, credentials.createSsl(roots));
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const { path, requestSerialize, responseDeserialize } = trustService.fetchX509Bundles;
  const request = { $typeName: 'X509BundlesRequest' } as spiffePb.X509BundlesRequest;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  return new Promise((resolve) => {
    call.on('data', () => {});
    call.once('error', (error: ServiceError) => {
      client.close();
      resolve(error);
    });
  });
}
