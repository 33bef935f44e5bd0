import { describe, expect, it } from 'vitest';
import type { ConnectionFacts } from '../../../src/telemetry/types.js';
import { testTelemetry } from '../../support/telemetry.js';

const SOURCE = {
  workload: 'storefront',
  canonicalName: 'storefront',
  canonicalRevision: 'v1',
  namespace: 'shop',
  cluster: 'east',
  instance: 'storefront-1',
  principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
};
const DESTINATION = {
  workload: 'reviews',
  canonicalName: 'reviews',
  canonicalRevision: 'v2',
  namespace: 'shop',
  cluster: 'west',
  principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
};
const SERVICE = { hostname: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' };
const FACTS: ConnectionFacts = {
  reporter: 'source',
  source: SOURCE,
  destination: DESTINATION,
  service: SERVICE,
  sourceAddress: '127.0.0.2:40000',
  destinationAddress: '127.0.1.1:15008',
  hboneAddress: 'reviews.shop.svc.cluster.local:80',
  mutualTls: true,
};

const ZTUNNEL_ORDER = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  'destination_workload',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
];

describe('connections under way', () => {
  it('are listed with their bytes until they end, and written to the log when open for long', () => {
    const system = testTelemetry();
    const ended = system.telemetry.connection(FACTS);
    const old = system.telemetry.connection(FACTS);
    old.opened();
    old.received(7);
    old.sent(9);
    system.clock.advance(60_000);
    system.telemetry.connection(FACTS);

    ended.close({ kind: 'ok' });
    system.logOpen(60_000);

    expect([...system.open()]).toMatchObject([
      { received: 7, sent: 9, durationMs: 60_000 },
      { received: 0, sent: 0, durationMs: 0 },
    ]);
    expect(system.log().filter(({ message }) => message === 'connection ongoing')).toMatchObject([
      { 'src.addr': FACTS.sourceAddress, bytes_sent: 7, bytes_recv: 9, duration: '60000ms' },
    ]);
  });
});

describe('a connection', () => {
  it("counts under ztunnel's labels in ztunnel's order", () => {
    const system = testTelemetry();

    const record = system.telemetry.connection(FACTS);
    record.opened();

    const [opened] = system.samples('istio_tcp_connections_opened_total');
    expect(opened?.order).toEqual(ZTUNNEL_ORDER);
    expect(opened?.labels).toEqual({
      reporter: 'source',
      source_workload: 'storefront',
      source_canonical_service: 'storefront',
      source_canonical_revision: 'v1',
      source_workload_namespace: 'shop',
      source_principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
      source_app: 'storefront',
      source_version: 'v1',
      source_cluster: 'east',
      destination_service: 'reviews.shop.svc.cluster.local',
      destination_service_namespace: 'shop',
      destination_service_name: 'reviews',
      destination_workload: 'reviews',
      destination_canonical_service: 'reviews',
      destination_canonical_revision: 'v2',
      destination_workload_namespace: 'shop',
      destination_principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
      destination_app: 'reviews',
      destination_version: 'v2',
      destination_cluster: 'west',
      request_protocol: 'tcp',
      response_flags: '-',
      connection_security_policy: 'mutual_tls',
    });
  });

  it('adds region and zone when one side has them, and then the other reads unknown', () => {
    const system = testTelemetry();

    system.telemetry.connection({ ...FACTS, source: { ...SOURCE, region: 'eu', zone: 'eu-1' } }).opened();

    const [opened] = system.samples('istio_tcp_connections_opened_total');
    expect(opened?.order.slice(-4)).toEqual(['source_region', 'source_zone', 'destination_region', 'destination_zone']);
    expect(opened?.labels).toMatchObject({ source_zone: 'eu-1', destination_zone: 'unknown' });
  });

  it('speaks as Envoy does at a waypoint: its order, its flags, its word for plaintext, its default revision', () => {
    const system = testTelemetry();

    const record = system.telemetry.connection({
      ...FACTS,
      reporter: 'waypoint',
      source: {},
      destination: {},
      mutualTls: false,
    });
    record.close({ kind: 'fault', code: 'CONNECT_FAILED', message: 'refused' });

    const [closed] = system.samples('istio_tcp_connections_closed_total');
    expect(closed?.order.slice(9, 12)).toEqual([
      'destination_workload',
      'destination_workload_namespace',
      'destination_principal',
    ]);
    expect(closed?.order).toHaveLength(23);
    expect(closed?.labels).toMatchObject({
      response_flags: 'UF',
      connection_security_policy: 'none',
      source_canonical_revision: 'latest',
      destination_canonical_revision: 'unknown',
    });
  });

  it('shows its bytes while it is open, also those that came before the tunnel was up', () => {
    const system = testTelemetry();
    const record = system.telemetry.connection(FACTS);

    record.received(10);
    const before = system.samples('istio_tcp_received_bytes_total');
    record.opened();
    record.received(5);
    record.sent(30);

    expect(before).toEqual([]);
    expect(system.samples('istio_tcp_received_bytes_total')[0]?.value).toBe(15);
    expect(system.samples('istio_tcp_sent_bytes_total')[0]?.value).toBe(30);
    expect(system.samples('istio_tcp_sockets_open')[0]?.value).toBe(1);
  });

  it('takes the destination that answered in place of the one that was planned', () => {
    const system = testTelemetry();

    const record = system.telemetry.connection({ ...FACTS, destination: { workload: 'gateway' } });
    record.opened(DESTINATION);
    record.close({ kind: 'ok' });

    const names = system.samples().filter(({ name }) => name.startsWith('istio_tcp_connections'));
    expect(names.map(({ labels }) => labels.destination_workload)).toEqual(['reviews', 'reviews']);
  });

  it('counts opened and closed once each, so that their difference returns to zero even for what never opened', () => {
    const system = testTelemetry();

    const record = system.telemetry.connection(FACTS);
    record.close({ kind: 'fault', code: 'CONNECT_TIMEOUT', message: 'no answer' });
    record.close({ kind: 'ok' });

    const of = (name: string) => system.samples(name).map(({ labels, value }) => [labels.response_flags, value]);
    expect(of('istio_tcp_connections_opened_total')).toEqual([['-', 1]]);
    expect(of('istio_tcp_connections_closed_total')).toEqual([['NETWORK_POLICY', 1]]);
    expect(of('istio_tcp_connections_failed_total')).toEqual([['NETWORK_POLICY', 1]]);
    expect(system.samples('istio_tcp_sockets_open')[0]?.value).toBe(0);
  });

  it('at a gateway stays out of the metrics that both ends report, and names both ends in its own', () => {
    const system = testTelemetry();

    const record = system.telemetry.connection({
      ...FACTS,
      reporter: 'gateway',
      source: { principal: SOURCE.principal, namespace: 'shop' },
    });
    record.opened();
    record.received(3);
    record.close({ kind: 'ok' });

    expect(
      system.samples().filter(({ name }) => name.startsWith('istio_tcp_') && name !== 'istio_tcp_sockets_open'),
    ).toEqual([]);
    const [opened] = system.samples('isthmus_gateway_connections_opened_total');
    expect(Object.values(opened?.labels ?? {})).not.toContain('unknown');
    expect(opened?.labels).toMatchObject({ source_principal: SOURCE.principal, destination_workload: 'reviews' });
  });
});

describe('the access log of a connection', () => {
  it("has ztunnel's fields in ztunnel's order", () => {
    const system = testTelemetry({ level: 'info' });

    const record = system.telemetry.connection(FACTS);
    record.opened();
    record.received(84);
    record.sent(175);
    system.clock.advance(12);
    record.close({ kind: 'ok' });

    const [line] = system.log();
    expect(Object.entries(line ?? {})).toEqual([
      ['level', 'info'],
      ['time', '2026-01-01T00:00:00.012Z'],
      ['scope', 'access'],
      ['message', 'connection complete'],
      ['src.addr', '127.0.0.2:40000'],
      ['src.workload', 'storefront-1'],
      ['src.namespace', 'shop'],
      ['src.identity', SOURCE.principal],
      ['src.cluster', 'east'],
      ['dst.addr', '127.0.1.1:15008'],
      ['dst.hbone_addr', 'reviews.shop.svc.cluster.local:80'],
      ['dst.service', 'reviews.shop.svc.cluster.local'],
      ['dst.workload', 'reviews'],
      ['dst.namespace', 'shop'],
      ['dst.identity', DESTINATION.principal],
      ['dst.cluster', 'west'],
      ['direction', 'outbound'],
      ['bytes_sent', 84],
      ['bytes_recv', 175],
      ['duration', '12ms'],
    ]);
  });

  it('turns bytes around for the inbound side, and leaves out identities that were not verified', () => {
    const system = testTelemetry({ level: 'info' });

    const record = system.telemetry.connection({ ...FACTS, reporter: 'destination', mutualTls: false });
    record.received(84);
    record.sent(175);
    record.close({ kind: 'ok' });

    const [line] = system.log();
    expect(line).toMatchObject({ direction: 'inbound', bytes_sent: 175, bytes_recv: 84 });
    expect(line).not.toHaveProperty('src.identity');
  });

  it('says what failed and what to look at next', () => {
    const system = testTelemetry({ level: 'info' });

    system.telemetry
      .connection(FACTS)
      .close({ kind: 'fault', code: 'CONNECT_FAILED', message: 'connect ECONNREFUSED 127.0.1.1:15008' });

    expect(system.log()).toMatchObject([
      {
        level: 'error',
        message: 'connection complete',
        error: 'connect ECONNREFUSED 127.0.1.1:15008',
        fault: 'CONNECT_FAILED',
        hint: expect.stringContaining('is it running'),
      },
    ]);
  });

  it('warns about a connection refused before its ends were known, without a metric', () => {
    const system = testTelemetry({ level: 'info' });
    const before = system.samples().length;

    system.telemetry.earlyDeny({
      reporter: 'destination',
      sourceAddress: '127.0.0.2:40000',
      destinationAddress: '127.0.1.1:15008',
      code: 'BAD_AUTHORITY',
      message: 'authority "x" has no port',
    });

    expect(system.samples()).toHaveLength(before);
    expect(system.log()).toMatchObject([
      { level: 'warn', message: 'connection failed', direction: 'inbound', fault: 'BAD_AUTHORITY' },
    ]);
  });

  it('writes the plain layout with tabs, quotes and bare addresses, and what a peer sent cannot break a line', () => {
    const system = testTelemetry({ level: 'info', format: 'plain' });

    const record = system.telemetry.connection({
      ...FACTS,
      hboneAddress: 'a b="c"\n2026 info',
      source: { namespace: 'x" error="forged\tby\na peer' },
    });
    record.close({ kind: 'ok' });

    const lines = system.rawLog();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^2026-01-01T00:00:00.000Z\tinfo\taccess\tconnection complete\tsrc\.addr=127\.0\.0\.2:40000 /,
    );
    expect(lines[0]).toContain('dst.hbone_addr="a b=\\"c\\"\\n2026 info"');
    expect(lines[0]).toContain('src.namespace="x\\" error=\\"forged\\tby\\na peer"');
  });

  it('is silent at a level that does not want it', () => {
    const system = testTelemetry({ level: 'error' });

    system.telemetry.connection(FACTS).close({ kind: 'ok' });

    expect(system.log()).toEqual([]);
  });
});
