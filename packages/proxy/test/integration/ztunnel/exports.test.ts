import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { socks5 } from '../../support/tcp.js';
import { identity, REVIEWS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

describe.each([
  { exported: `shop/${REVIEWS}`, reply: 0 },
  { exported: 'other/unknown.example, shop/*', reply: 0 },
  { exported: 'shop/ratings.shop.svc.cluster.local', reply: 1 },
  { exported: 'other/*', reply: 1 },
])('a gateway with EXPORTED_SERVICES=$exported', ({ exported, reply }) => {
  let mesh: TwoClusters;
  beforeAll(async () => {
    mesh = await startTwoClusters({ env: { EXPORTED_SERVICES: exported } });
  });
  afterAll(() => mesh?.close());

  it(`lets other networks reach what it exports and nothing else: SOCKS5 reply ${reply}`, async () => {
    const answer = await socks5(mesh.scope, mesh.socks5, REVIEWS, 80);

    expect(answer.reply).toBe(reply);
    if (reply === 0) return;
    expect(await mesh.gateway.logged({ fault: 'NOT_EXPORTED' })).toMatchObject({
      'src.identity': identity('storefront'),
      error: expect.stringContaining(REVIEWS),
    });
  });
});
