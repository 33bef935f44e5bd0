/** What a subscriber says of itself. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { discoveryPb } from '@isthmus/sdk/wire';
import { describe, expect, it } from 'vitest';
import { parseNode } from '../../src/xds/node.js';

const ID = 'waypoint~10.1.0.9~waypoint-1.shop~shop.svc.cluster.local';

function parsed(init: MessageInitShape<typeof discoveryPb.NodeSchema>) {
  return parseNode(create(discoveryPb.NodeSchema, { id: ID, ...init }));
}

describe('a node', () => {
  it.each<[string, MessageInitShape<typeof discoveryPb.NodeSchema>, string]>([
    ["Istio's, where it is sent", { metadata: { ISTIO_VERSION: '1.30.0' }, userAgentName: 'envoy' }, '1.30.0'],
    [
      "Envoy's",
      {
        userAgentName: 'envoy',
        userAgentVersionType: {
          case: 'userAgentBuildVersion',
          value: { version: { majorNumber: 1, minorNumber: 40, patch: 2 } },
        },
      },
      'envoy 1.40.2',
    ],
    [
      'that of another program',
      { userAgentName: 'isthmus-proxy', userAgentVersionType: { case: 'userAgentVersion', value: '0.1.0' } },
      'isthmus-proxy 0.1.0',
    ],
    ["empty with Istio's ztunnel, which sends none", {}, ''],
  ])('has a version: %s', (_, init, version) => {
    expect(parsed(init)).toMatchObject({ ok: true, node: { version, type: 'waypoint', name: 'waypoint-1.shop' } });
  });

  it('is of bounded length, since it is in every line of the log', () => {
    const long = 'x'.repeat(5_000);

    const refused = parsed({ id: `ztunnel~10.1.0.1~${long}.shop~shop.svc` });
    const shortened = parsed({ metadata: { ISTIO_VERSION: long, NODE_NAME: long } });

    expect(refused).toEqual({
      ok: false,
      reason: expect.stringMatching(/^node.id has \d+ characters, there may be 1024$/),
    });
    expect(JSON.stringify(shortened).length).toBeLessThan(2_000);
  });
});
