/** What a waypoint makes of a CONNECT. */
import type { AppProtocol } from '@isthmus/sdk/discovery';
import { describe, expect, it } from 'vitest';
import { type ConnectFacts, decideConnect } from '../../../src/http/connect-decision.js';
import { service, storeOf, workload } from '../../support/model.js';

const waypoint = workload({ name: 'waypoint', addresses: ['10.0.0.1'], nativeTunnel: true });
const client = workload({ name: 'storefront', addresses: ['10.0.0.2'] });
const bound = {
  waypoint: {
    destination: { kind: 'address', address: { network: 'network-1', ip: '10.0.0.1' } },
    hboneMtlsPort: 15008,
  },
} as const;

function snapshotWith(appProtocol: AppProtocol) {
  const reviews = service({
    name: 'reviews',
    addresses: [{ network: 'network-1', ip: '10.1.0.1' }],
    ports: [{ servicePort: 80, targetPort: 8080, appProtocol }],
    ...bound,
  });
  const pod = workload({ name: 'reviews-1', addresses: ['10.0.0.3'], ...bound });
  return storeOf({ services: [reviews], workloads: [waypoint, client, pod] }).snapshot;
}

const facts: ConnectFacts = {
  self: waypoint,
  network: 'network-1',
  authority: '10.1.0.1:80',
  peerIdentity: 'spiffe://cluster.local/ns/shop/sa/storefront',
  remoteIp: '10.0.0.2',
  forwardedNetwork: undefined,
  baggage: undefined,
};

describe('decideConnect', () => {
  it.each([
    ['http11', 'http1'],
    ['http2', 'http2'],
    ['grpc', 'http2'],
    ['tcp', 'tcp'],
    ['tls', 'tcp'],
    ['unknown', 'sniff'],
  ] as const)('expects of a port that says %s: %s', (appProtocol, inside) => {
    expect(decideConnect(snapshotWith(appProtocol), facts)).toMatchObject({ kind: 'accept', inside, arrival: 'local' });
  });

  it('expects nothing in particular of a workload addressed directly', () => {
    const decision = decideConnect(snapshotWith('http11'), { ...facts, authority: '10.0.0.3:9999' });

    expect(decision).toMatchObject({ kind: 'accept', inside: 'sniff', destination: { kind: 'workload' } });
  });

  it('accepts nothing before the control plane has said who the waypoint is', () => {
    expect(decideConnect(snapshotWith('http11'), { ...facts, self: undefined })).toMatchObject({
      kind: 'refuse',
      code: 'LOCAL_WORKLOAD_UNKNOWN',
    });
  });

  it.each([
    ['no port', 'reviews', 'BAD_AUTHORITY'],
    ['a port nobody lists', '10.1.0.1:81', 'UNKNOWN_PORT'],
    ['an address nobody has', '10.9.9.9:80', 'UNKNOWN_DESTINATION'],
    ['a workload of no waypoint', '10.0.0.2:80', 'AUTHORITY_NOT_LOCAL'],
  ])('refuses %s', (_name, authority, code) => {
    expect(decideConnect(snapshotWith('http11'), { ...facts, authority })).toMatchObject({ kind: 'refuse', code });
  });

  it('describes a source of its own network by the registry, whatever the source says', () => {
    const decision = decideConnect(snapshotWith('http11'), {
      ...facts,
      baggage: { workload: 'liar', cluster: 'mars', zone: 'z1' },
    });

    expect(decision).toMatchObject({
      source: { workload: 'storefront', cluster: 'east', zone: 'z1', principal: facts.peerIdentity },
    });
  });

  it('describes a source of another network by what it says, though its address is known here', () => {
    const decision = decideConnect(snapshotWith('http11'), {
      ...facts,
      forwardedNetwork: 'network-2',
      baggage: { workload: 'storefront-west', cluster: 'west' },
    });

    expect(decision).toMatchObject({
      arrival: 'remote-network',
      source: { workload: 'storefront-west', cluster: 'west', namespace: 'shop', principal: facts.peerIdentity },
    });
  });

  it('knows a source of another network that says nothing by its certificate alone', () => {
    const decision = decideConnect(snapshotWith('http11'), { ...facts, forwardedNetwork: 'network-2' });

    expect(decision).toMatchObject({ source: { namespace: 'shop', principal: facts.peerIdentity } });
    expect(decision).not.toHaveProperty('source.workload');
  });
});
