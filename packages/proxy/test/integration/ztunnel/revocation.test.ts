/** CRL_PATH: what a revoked certificate costs its holder, and how the operator learns of it. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkloadCertificate } from '@isthmus/sdk/identity';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { certificatesOf } from '../../support/proxy.js';
import { socks5 } from '../../support/tcp.js';
import { identity, RATINGS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
let folder: string;
let storefront: WorkloadCertificate;
let revoke: (...serialNumbers: string[]) => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-crl-'));
  const path = join(folder, 'ca-crl.pem');
  const authority = await createTestAuthority();
  revoke = async (...serialNumbers) => writeFile(path, await authority.revoke(serialNumbers));
  await revoke();
  const certificates = certificatesOf(authority);
  storefront = await certificates.certificate(identity('storefront'));
  mesh = await startTwoClusters({ env: { CRL_PATH: path }, certificates });
});
afterAll(async () => {
  await mesh?.close();
  await rm(folder, { recursive: true });
});

it('a live connection of the revoked certificate is closed, and the next one refused; log and metrics say why', async () => {
  const { socket } = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
  socket.write('before');
  await once(socket, 'readable');
  const closed = new Promise((resolve) => socket.once('close', resolve));

  await revoke(storefront.serialNumber);
  await closed;
  const next = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
  const atServer = await mesh.east.logged({
    message: 'connection complete',
    direction: 'inbound',
    fault: 'CERT_REVOKED',
  });
  const refused = await mesh.east.logged({ message: 'connection failed', fault: 'CERT_REVOKED' });

  expect(next.reply).not.toBe(0);
  expect(String(atServer.error)).toContain('peer certificate revoked by CRL');
  expect(String(refused.error)).toContain(storefront.serialNumber);
  const rejections = mesh.east.telemetry.samples('istio_crl_policy_rejections_total');
  expect(rejections).toMatchObject([{ labels: { reporter: 'destination' } }]);
  const flagged = mesh.east.telemetry
    .samples('istio_tcp_connections_closed_total')
    .filter(({ labels }) => labels.response_flags === 'CERT_REVOKED');
  expect(flagged.map(({ labels }) => labels.reporter)).toContain('destination');
});
