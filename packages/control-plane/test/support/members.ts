/** Workloads that are no more than their certificate and an HBONE port: what trust is between them is real. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHboneServer, dialHbone, type HboneClientConnection, type HopAddress } from '@isthmus/sdk/hbone';
import {
  type CertificateManager,
  createCaClient,
  createCertificateManager,
  createTrust,
  followTrustBundles,
  type WorkloadCertificate,
} from '@isthmus/sdk/identity';
import { realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';
import type { TestPlane } from './plane.js';

/** Renewed each half second, and good for half a minute: a slow machine only takes longer. */
const TTL_SECONDS = 30;
const LEFT_WHEN_RENEWED = 0.984;

export interface Member {
  readonly identity: string;
  readonly address: HopAddress;
  /** Why callers were refused before they could ask for anything. */
  readonly refusals: readonly string[];
  certificate(): Promise<WorkloadCertificate>;
}

export interface EnrolInit {
  readonly account: string;
  /** A ztunnel learns of roots with its certificates only. */
  readonly learns: 'by bundles' | 'by certificates';
  readonly trustDomain?: string;
}

/** The workload `shop/<account>` of that control plane. */
export async function enrol(
  scope: Scope,
  test: TestPlane,
  { account, learns, trustDomain = 'cluster.local' }: EnrolInit,
): Promise<Member> {
  const identity = `spiffe://${trustDomain}/ns/shop/sa/${account}`;
  const access = {
    address: `localhost:${test.plane.ports.listen}`,
    // As a mounted file is: read for each connection.
    roots: () => readFile(join(test.directory, 'ca', 'root-cert.pem'), 'utf8'),
    token: await test.token({ namespace: 'shop', serviceAccount: account }),
  };
  const trust = learns === 'by bundles' ? createTrust() : undefined;
  if (trust) followTrustBundles(scope, { access, trust, clock: realClock, log: silentLogger });
  const ca = createCaClient({ ...access, asks: 'own', ttlSeconds: TTL_SECONDS });
  const manager: CertificateManager = createCertificateManager(scope, {
    ca,
    trust,
    gracePeriodRatio: LEFT_WHEN_RENEWED,
  });
  const certificate = () => manager.certificate(identity);
  await certificate();
  const refusals: string[] = [];
  const server = createHboneServer(scope, {
    certificate,
    clock: realClock,
    log: silentLogger,
    onConnect: (incoming) => void (incoming.authority?.startsWith('open.') ? incoming.accept() : incoming.refuse(404)),
    onEarlyError: ({ fault }) => void refusals.push(fault.message),
  });
  return { identity, certificate, refusals, address: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

export async function dial(from: Member, to: Member): Promise<HboneClientConnection> {
  const certificate = await from.certificate();
  return dialHbone({ target: to.address, certificate, expected: [to.identity], clock: realClock });
}

/** One connection and one request over it. Rejects when either end does not let the other in. */
export async function call(from: Member, to: Member): Promise<void> {
  const connection = await dial(from, to);
  const request = { authority: 'closed.example:80', headers: [] };
  const answer = await connection.connect(request).catch((error: unknown) => error);
  await connection.close();
  // 404: the answer of a server that let us in.
  if (!(answer instanceof Fault) || answer.code !== 'TUNNEL_REFUSED') throw answer;
}

/** Resolves when the certificates of all are so; looks again and again, for certificates tell nobody of themselves. */
export async function everybody(
  members: readonly Member[],
  is: (certificate: WorkloadCertificate) => boolean,
): Promise<void> {
  for (;;) {
    const certificates = await Promise.all(members.map((member) => member.certificate()));
    if (certificates.every(is)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
