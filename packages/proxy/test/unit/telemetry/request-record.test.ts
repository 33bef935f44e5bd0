import { describe, expect, it } from 'vitest';
import type { RequestFacts } from '../../../src/telemetry/types.js';
import { testTelemetry } from '../../support/telemetry.js';

const FACTS: RequestFacts = {
  source: {
    workload: 'storefront',
    namespace: 'shop',
    cluster: 'east',
    principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
  },
  destination: { workload: 'reviews', namespace: 'shop', cluster: 'west', canonicalName: 'reviews' },
  service: { hostname: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' },
  protocol: 'http',
  method: 'GET',
  path: '/reviews/1',
  authority: 'reviews.shop',
  responseCode: 200,
  durationMs: 7,
  requestBytes: 0,
  responseBytes: 1_200,
  sourceAddress: '127.0.0.2:40000',
  upstreamAddress: '127.0.1.1:15008',
  mutualTls: true,
};

const ORDER = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
];

describe('a request', () => {
  it("counts under the 25 labels of Istio's stats filter, in its order", () => {
    const system = testTelemetry();

    system.telemetry.request(FACTS);
    system.telemetry.request(FACTS);

    const [requests] = system.samples('istio_requests_total');
    expect(requests?.order).toEqual(ORDER);
    expect(requests).toMatchObject({
      value: 2,
      labels: {
        reporter: 'waypoint',
        source_canonical_revision: 'latest',
        destination_canonical_revision: 'unknown',
        destination_cluster: 'west',
        response_code: '200',
        grpc_response_status: '',
        response_flags: '-',
        connection_security_policy: 'mutual_tls',
      },
    });
    expect(system.samples('istio_response_bytes_sum')[0]?.value).toBe(2_400);
    expect(system.samples('istio_request_duration_milliseconds_count')[0]?.value).toBe(2);
  });

  it('keeps outcomes apart, with the same peers', () => {
    const system = testTelemetry();

    system.telemetry.request(FACTS);
    system.telemetry.request({ ...FACTS, responseCode: 503, fault: { code: 'NO_HEALTHY_UPSTREAM', message: 'none' } });
    system.telemetry.request({ ...FACTS, protocol: 'grpc', grpcStatus: 0 });
    system.telemetry.request({ ...FACTS, mutualTls: false });

    const rows = system
      .samples('istio_requests_total')
      .map(({ labels }) => [
        labels.request_protocol,
        labels.response_code,
        labels.grpc_response_status,
        labels.response_flags,
        labels.connection_security_policy,
      ]);
    expect(rows).toEqual([
      ['http', '200', '', '-', 'mutual_tls'],
      ['http', '503', '', 'UH', 'mutual_tls'],
      ['grpc', '200', '0', '-', 'mutual_tls'],
      ['http', '200', '', '-', 'none'],
    ]);
  });

  it('is counted anew after its series expired', () => {
    const system = testTelemetry({ idleMs: 100 });

    system.telemetry.request(FACTS);
    system.clock.advance(100);
    const gone = system.samples('istio_requests_total');
    system.telemetry.request(FACTS);

    expect(gone).toEqual([]);
    expect(system.samples('istio_requests_total')[0]?.value).toBe(1);
  });

  it("logs Envoy's keys, both peers, and the reason with its hint", () => {
    const system = testTelemetry({ level: 'info' });

    system.telemetry.request({
      ...FACTS,
      responseCode: 503,
      fault: { code: 'CONNECT_FAILED', message: 'connect ECONNREFUSED' },
    });

    expect(system.log()).toMatchObject([
      {
        level: 'error',
        scope: 'access',
        method: 'GET',
        path: '/reviews/1',
        response_code: 503,
        response_flags: 'UF',
        upstream_transport_failure_reason: 'connect ECONNREFUSED',
        upstream_cluster: 'reviews.shop.svc.cluster.local',
        'src.cluster': 'east',
        'dst.cluster': 'west',
        error: 'connect ECONNREFUSED',
        hint: expect.stringContaining('running'),
      },
    ]);
  });
});
