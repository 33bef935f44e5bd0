/** How the control plane's two services are reached, by the settings. */
import { describe, expect, it } from 'vitest';
import { caAccess, xdsAccess } from '../../../src/config/control-plane.js';
import { settingsFor } from '../../support/proxy.js';

const settings = settingsFor('ztunnel', {
  CLUSTER_ID: 'east',
  XDS_ADDRESS: 'istiod:15012',
  CA_ADDRESS: 'ca:15012',
  ALT_XDS_HOSTNAME: 'istiod.example.com',
  ALT_CA_HOSTNAME: 'ca.example.com',
  XDS_HEADER_X_Tenant: 'blue',
  CA_HEADER_X_Tenant: 'red',
  XDS_ROOT_CA: '-----BEGIN CERTIFICATE-----\nxds',
  CA_ROOT_CA: '-----BEGIN CERTIFICATE-----\nca',
  AUTH_TOKEN: 'token',
  TLS12_ENABLED: 'true',
});
const tls = { tls12: true, compliance: undefined };

/** What is read anew for each connection, as it is now. */
async function read({ roots, token, ...rest }: ReturnType<typeof caAccess>) {
  const text = async (source: unknown) => (typeof source === 'function' ? await source() : source);
  return { ...rest, roots: await text(roots), token: await text(token) };
}

describe('each service of the control plane', () => {
  it('has its address, its other name, its headers and its roots; the token, the cluster and TLS are the same', async () => {
    const common = { clusterId: 'east', token: 'token', tls };

    expect(await read(xdsAccess('istiod:15012', settings))).toEqual({
      ...common,
      address: 'istiod:15012',
      alternateName: 'istiod.example.com',
      headers: { x_tenant: 'blue' },
      roots: '-----BEGIN CERTIFICATE-----\nxds',
    });
    expect(await read(caAccess(settings))).toEqual({
      ...common,
      address: 'ca:15012',
      alternateName: 'ca.example.com',
      headers: { x_tenant: 'red' },
      roots: '-----BEGIN CERTIFICATE-----\nca',
    });
  });
});
