import { describe, expect, it } from 'vitest';
import { type ControlPlaneAccess, connectControlPlane, type TextSource } from '../../../src/runtime/control-plane.js';
import { createTestAuthority } from '../../../src/testing.js';

const { rootPem } = await createTestAuthority();

type Access = Extract<ControlPlaneAccess, { readonly roots: TextSource }>;

async function attempt(access: Omit<Partial<Access>, 'certificate'>) {
  return connectControlPlane({ address: 'istiod.istio-system.svc:15012', roots: rootPem, ...access });
}

describe('access to the control plane', () => {
  it.each([
    ['istiod.istio-system.svc:15012', 'istiod.istio-system.svc:15012'],
    ['https://istiod.istio-system.svc:15012', 'istiod.istio-system.svc:15012'],
    ['127.0.0.1:15012', '127.0.0.1:15012'],
    ['[::1]:15012', '[::1]:15012'],
  ])('takes %s as an address', async (address, target) => {
    const { client } = await attempt({ address });

    expect(client.getChannel().getTarget()).toContain(target);
    client.close();
  });

  it.each(['', 'istiod', 'istiod:', ':15012', 'istiod:0', 'istiod:70000', 'http://istiod:15012', '::1:15012'])(
    'refuses %j as an address and says what one looks like',
    async (address) => {
      await expect(attempt({ address })).rejects.toThrow(/must be \[https:\/\/\]host:port/);
    },
  );

  it('drops the newline a token file ends in', async () => {
    const { client, metadata } = await attempt({ token: () => 'abc.def\n', clusterId: 'east' });

    expect(metadata.getMap()).toEqual({ authorization: 'Bearer abc.def', clusterid: 'east' });
    client.close();
  });

  it('sends neither header without a token and a cluster', async () => {
    const { client, metadata } = await attempt({ headers: { 'x-tenant': 'blue' } });

    expect(metadata.getMap()).toEqual({ 'x-tenant': 'blue' });
    client.close();
  });

  it('says which source could not be read', async () => {
    const unreadable = () => Promise.reject(new Error('ENOENT: tokens/istio-token'));

    await expect(attempt({ token: unreadable })).rejects.toThrow('cannot read the token: ENOENT: tokens/istio-token');
    await expect(attempt({ roots: unreadable })).rejects.toThrow('cannot read the root certificates: ENOENT');
  });

  it('refuses an empty token and roots without a certificate', async () => {
    await expect(attempt({ token: '\n' })).rejects.toThrow('the token is empty');
    await expect(attempt({ roots: 'not pem' })).rejects.toThrow('the root certificates hold no PEM certificate');
  });
});
