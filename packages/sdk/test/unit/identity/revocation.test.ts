/** Revocation lists: what they take back, what they do not, and when the file of them is believed. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSigningRequest,
  findRevoked,
  parseRevocationLists,
  watchRevocationFile,
} from '../../../src/identity/index.js';
import { createLogger, createScope, type Logger, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority, createVirtualClock, type VirtualClock } from '../../../src/testing.js';
import { createRoot, type Issuer } from '../../support/certificate-chains.js';
import { until } from '../../support/deferred.js';
import { WEB } from '../../support/hbone-fixture.js';

let root: Issuer;
let intermediate: Issuer;
/** Leaf, intermediate, root. */
let chain: X509Certificate[];
beforeEach(async () => {
  root = await createRoot('root');
  intermediate = await root.intermediate();
  const { csr } = await createSigningRequest(WEB);
  const pems = [await intermediate.sign(csr, WEB), intermediate.pem, root.pem];
  chain = pems.map((pem) => new X509Certificate(pem));
});

const serial = (index: number) => chain[index]?.serialNumber ?? '';
const bytes = (...pems: string[]) => Buffer.from(pems.join(''));
const verdict = (...pems: string[]) => findRevoked(parseRevocationLists(bytes(...pems)), chain);

describe('a list', () => {
  it('takes back the leaf of its issuer', async () => {
    expect(await verdict(await intermediate.revoke([serial(0)]))).toMatch(
      /^certificate 0a is on the revocation list of CN=under root/,
    );
  });

  it('takes back an intermediate, and all below with it', async () => {
    expect(await verdict(await root.revoke([serial(1)]))).toMatch(/list of CN=root/);
  });

  it('of another issuer, even of the same name, takes nothing back', async () => {
    const namesake = await (await createRoot('root')).intermediate();

    expect(await verdict(await root.revoke(['0b']), await namesake.revoke([serial(0)]))).toBeUndefined();
  });

  it('of the issuer of the issuer does not speak of the leaf', async () => {
    const { csr } = await createSigningRequest(WEB);
    const underRoot = new X509Certificate(await root.sign(csr, WEB));
    const list = parseRevocationLists(bytes(await intermediate.revoke([underRoot.serialNumber])));

    expect(await findRevoked(list, [underRoot, ...chain.slice(2)])).toBeUndefined();
  });

  it('that is not there takes nothing back: an issuer without a list is believed', async () => {
    expect(await verdict()).toBeUndefined();
  });

  it('is read from PEM among other blocks, several in a file, and from DER', async () => {
    const [first, second] = [await root.revoke(['01']), await intermediate.revoke([serial(0)])];
    const der = Buffer.from(second.replace(/-----[^-]+-----|\s/g, ''), 'base64');

    expect(parseRevocationLists(bytes(root.pem, first, second))).toHaveLength(2);
    expect(await findRevoked(parseRevocationLists(der), chain)).toBeDefined();
    expect(parseRevocationLists(Buffer.alloc(0))).toEqual([]);
  });

  it('goes on to count when the next one is late', async () => {
    const authority = await createTestAuthority();
    const { csr } = await createSigningRequest(WEB);
    const leaf = new X509Certificate(await authority.sign(csr, WEB));
    const late = parseRevocationLists(bytes(await authority.revoke([leaf.serialNumber])));

    expect(await findRevoked(late, [leaf, new X509Certificate(authority.rootPem)])).toBeDefined();
  });

  it('that cannot be read is an error, never an empty one', () => {
    const torn = '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n';

    expect(() => parseRevocationLists(bytes(torn))).toThrow();
    expect(() => parseRevocationLists(Buffer.from('no list at all'))).toThrow();
  });
});

describe('the file of lists', () => {
  let scope: Scope;
  let clock: VirtualClock;
  let folder: string;
  let path: string;
  let lines: string[];
  let log: Logger;
  beforeEach(async () => {
    scope = createScope();
    clock = createVirtualClock();
    folder = await mkdtemp(join(tmpdir(), 'isthmus-crl-'));
    path = join(folder, 'ca-crl.pem');
    scope.own(() => rm(folder, { recursive: true }));
    lines = [];
    log = createLogger({ destination: { write: (line) => void lines.push(line) } });
  });
  afterEach(() => scope.close());

  /** As Kubernetes does it: whole or not at all. */
  async function put(content: string): Promise<void> {
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
  }
  /** After the first look, so that the next one is a tick of the clock away. */
  async function watching() {
    const revocations = watchRevocationFile(scope, { path, clock, log });
    await until(() => lines.length > 0 && clock.pending > 0);
    return revocations;
  }
  const logged = (text: string) => lines.filter((line) => line.includes(text)).length;

  it('is read again when it changes; who watches a chain that it then revokes is told once', async () => {
    await put(await intermediate.revoke([]));
    const revocations = await watching();
    const told: string[] = [];
    revocations.watch(chain, (reason) => told.push(reason));
    const before = await revocations.check(chain);

    await put(await intermediate.revoke([serial(0), 'ff']));
    clock.advance(2_000);
    await until(() => told.length > 0);
    await put(await intermediate.revoke([serial(0), 'ff', 'fe']));
    clock.advance(2_000);
    await until(() => logged('loaded') === 3);

    expect(before).toBeUndefined();
    expect(await revocations.check(chain)).toBe(told[0]);
    expect(told).toHaveLength(1);
  });

  it('is not needed at the start: it counts from when it is there', async () => {
    const revocations = await watching();
    const before = [await revocations.check(chain), logged('not loaded')];

    await put(await intermediate.revoke([serial(0)]));
    clock.advance(2_000);
    await until(() => logged('lists loaded') === 1);

    expect(before).toEqual([undefined, 1]);
    expect(await revocations.check(chain)).toBeDefined();
  });

  it.each([
    ['torn', () => writeFile(path, '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n')],
    ['gone', () => rm(path)],
  ])('that is %s later leaves in force what was read last, with a warning', async (_, spoil) => {
    await put(await intermediate.revoke([serial(0)]));
    const revocations = await watching();

    await spoil();
    clock.advance(2_000);
    await until(() => logged('not loaded') === 1);

    expect(await revocations.check(chain)).toBeDefined();
  });

  it('tells nobody who has stopped watching', async () => {
    await put(await intermediate.revoke([]));
    const revocations = await watching();
    const told: string[] = [];
    revocations.watch(chain, (reason) => told.push(reason))();

    await put(await intermediate.revoke([serial(0)]));
    clock.advance(2_000);
    await until(() => logged('lists loaded') === 2);

    expect(told).toEqual([]);
  });
});
