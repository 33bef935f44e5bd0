/** A CA that somebody else has made, mounted as a Secret of Istio's layout: the root is two signatures away. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyDer, type Signer, signCertificate, toPem } from '../../src/ca/certificates.js';
import { makeRoot } from '../../src/ca/make-cacerts.js';
import * as x509 from '../../src/ca/x509.js';
import { generateKey } from '../../src/index.js';
import { makeRequest } from '../support/csr.js';
import { namespace } from '../support/objects.js';
import { requestCertificate, startPlane, type TestPlane } from '../support/plane.js';

const DAY_MS = 86_400_000;

let test: TestPlane;
beforeEach(async () => {
  test = await startPlane({ clusters: { east: { 'a.yaml': [namespace('shop')] } } });
});
afterEach(() => test.close());

async function below(signer: Signer, name: string): Promise<Signer> {
  const key = generateKey();
  const publicKey = new x509.PublicKey(publicKeyDer(key));
  const certificate = await signCertificate({
    signer,
    publicKey,
    subject: `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 300 * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { certificate, key };
}

/** As the kubelet does it: a directory of its own, and one link that is turned over to it. */
async function mount(files: Readonly<Record<string, string>>): Promise<void> {
  const ca = join(test.directory, 'ca');
  const version = `..${Date.now()}`;
  await mkdir(join(ca, version));
  for (const [name, text] of Object.entries(files)) await writeFile(join(ca, version, name), text, { mode: 0o440 });
  await symlink(version, join(ca, '..data_tmp'));
  await rename(join(ca, '..data_tmp'), join(ca, '..data'));
  const there = await readdir(ca, { withFileTypes: true });
  for (const { name } of there.filter((each) => each.isFile())) {
    await rm(join(ca, name));
    await symlink(join('..data', name), join(ca, name));
  }
}

describe('a CA that was plugged in', () => {
  it('issues chains that lead over all intermediates to the root, and is replaced when its Secret is', async () => {
    const root = await makeRoot(join(test.directory, 'company'), 'company.example', Date.now());
    const policy = await below(root, 'policy CA');
    const chains = [];

    for (const name of ['mesh CA', 'next mesh CA']) {
      const signing = await below(policy, name);
      await mount({
        'ca-cert.pem': toPem(signing.certificate),
        'ca-key.pem': signing.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
        // As some tools write it.
        'cert-chain.pem': [signing, policy, root]
          .map(({ certificate }) => toPem(certificate))
          .join('')
          .replaceAll('\n', '\r\n'),
        'root-cert.pem': toPem(root.certificate),
      });
      await test.logged(({ message, subject }) => message === 'CA replaced' && subject === `CN=${name}`);
      const { csr, key } = await makeRequest();
      chains.push({ key, chain: await requestCertificateOf(csr, toPem(root.certificate)) });
    }

    const [first, second] = chains;
    const names = second?.chain.map((pem) => new X509Certificate(pem).subject);
    expect(names).toEqual([undefined, 'CN=next mesh CA', 'CN=policy CA', 'O=company.example\nCN=Root CA']);
    expect(first?.chain[1]).not.toBe(second?.chain[1]);
    expect(await isVerified(second?.key ?? '', second?.chain ?? [])).toBe(true);
    expect(test.plane.status().ca.roots).toMatchObject([{ signs: true, subject: 'O=company.example, CN=Root CA' }]);
    expect(test.logs.filter(({ message }) => message.includes('readable by others'))).toEqual([]);
  });
});

async function requestCertificateOf(csr: string, rootPem: string): Promise<readonly string[]> {
  await test.logged(({ message }) => message === 'serving certificate renewed');
  const token = await test.token({});
  for (;;) {
    try {
      return await requestCertificate(test, { csr, token, rootPem });
    } catch {
      // Its own certificate is still being replaced.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** By a stranger's TLS, which knows the root alone. */
async function isVerified(key: string, chain: readonly string[]): Promise<boolean> {
  const server = createServer({ key, cert: chain.slice(0, -1).join(''), minVersion: 'TLSv1.3' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', ca: chain.at(-1), checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const { authorized } = socket;
  socket.destroy();
  server.close();
  return authorized;
}
