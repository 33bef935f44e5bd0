import { describe, expect, it } from 'vitest';
import { proxyNode } from '../../../src/discovery/index.js';

describe('the node of a proxy', () => {
  it('has the id and the metadata that Istio reads', () => {
    const node = proxyNode({
      type: 'waypoint',
      ip: '10.0.0.5',
      pod: 'waypoint-1',
      namespace: 'shop',
      metadata: { CLUSTER_ID: 'east', NETWORK: 'network-1' },
    });

    expect(node.id).toBe('waypoint~10.0.0.5~waypoint-1.shop~shop.svc.cluster.local');
    expect(node.metadata).toEqual({
      NAME: 'waypoint-1',
      NAMESPACE: 'shop',
      INSTANCE_IPS: '10.0.0.5',
      CLUSTER_ID: 'east',
      NETWORK: 'network-1',
    });
  });

  it('lets metadata override what it derives', () => {
    const init = { type: 'ztunnel', ip: '::1', pod: 'p', namespace: 'n' } as const;

    const node = proxyNode({ ...init, metadata: { INSTANCE_IPS: '10.0.0.1,::1' } });

    expect(node.metadata).toMatchObject({ INSTANCE_IPS: '10.0.0.1,::1' });
  });

  it('names the program and its version where they are given', () => {
    const init = { type: 'ztunnel', ip: '::1', pod: 'p', namespace: 'n' } as const;

    const [named, unnamed] = [proxyNode({ ...init, agent: { name: 'shop', version: '1.2.3' } }), proxyNode(init)];

    expect(named).toMatchObject({
      userAgentName: 'shop',
      userAgentVersionType: { case: 'userAgentVersion', value: '1.2.3' },
    });
    expect(unnamed.userAgentVersionType.case).toBeUndefined();
  });
});
