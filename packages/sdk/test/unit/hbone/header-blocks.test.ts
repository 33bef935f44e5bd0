/** What is kept between CONNECTs: templates of what is sent, and what peers said. */
import { describe, expect, it } from 'vitest';
import type { HeaderField } from '../../../src/hbone/types.js';
import { createEnginePair } from '../../support/engine-pair.js';

const SHOP = 'k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=cart';

/** Sends CONNECTs with these fields over one connection; answers the requests as the server has them. */
async function received(...sent: (readonly HeaderField[])[]) {
  const pair = createEnginePair();
  for (const headers of sent) pair.client.open({ authority: 'cart.shop:80', headers, answered() {} });
  await pair.settle();
  return pair.requests;
}

describe('baggage of requests', () => {
  it('is read once for the same bytes, however they are sent, and stays when another is read', async () => {
    const bytes = new TextEncoder().encode(SHOP);

    const requests = await received([['baggage', SHOP]], [['baggage', 'service.name=other']], [['baggage', bytes]]);

    const [first, other, again] = requests.map(({ headers }) => headers);
    expect(first?.peer()).toEqual({ cluster: 'east', namespace: 'shop', workload: 'cart', workloadType: 'deployment' });
    expect(again?.peer()).toBe(first?.peer());
    expect(other?.peer()).toEqual({ canonicalName: 'other', app: 'other' });
    expect([first?.get('baggage'), again?.all('baggage')]).toEqual([SHOP, [SHOP]]);
  });

  it('in two lines is one claim, and the lines stay apart', async () => {
    const [request] = await received([
      ['baggage', 'k8s.cluster.name=east'],
      ['baggage', 'k8s.namespace.name=shop'],
    ]);

    expect(request?.headers.peer()).toEqual({ cluster: 'east', namespace: 'shop' });
    expect(request?.headers.all('baggage')).toEqual(['k8s.cluster.name=east', 'k8s.namespace.name=shop']);
  });

  it('that is not there makes no peer', async () => {
    const [request] = await received([]);

    expect([request?.headers.peer(), request?.headers.get('baggage')]).toEqual([undefined, undefined]);
  });
});

describe('fields of requests', () => {
  it('arrive whole in more shapes than there are templates, and longer than any block before', async () => {
    const sent = Array.from({ length: 40 }, (_, i): HeaderField[] => [
      [`x-${i}`, `value ${i}`],
      ['forwarded', 'f'.repeat(i * 500)],
    ]);

    const requests = await received(...sent, ...sent);

    expect(requests.map(({ headers }, i) => headers.get(`x-${i % 40}`))).toEqual(
      [...sent, ...sent].map(([field]) => field?.[1]),
    );
    expect(requests.map(({ headers }) => headers.get('forwarded')?.length)).toEqual(
      [...sent, ...sent].map(([, field]) => field?.[1].length),
    );
  });
});
