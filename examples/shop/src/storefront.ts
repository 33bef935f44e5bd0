/** Storefront: the page a customer sees, put together from every other service. A part that fails is named in the page. */
import type { App } from './app.js';
import { type Answer, getJson, messageOf, serveJson } from './http.js';
import { addEntry } from './ledger-client.js';
import { connectRecommendations } from './recommendations-api.js';

export const storefront: App = {
  summary: 'HTTP: GET / and GET /product/ID, calls reviews, recommendations and ledger',
  needs: ['reviews', 'recommendations', 'ledger'],
  async start(settings) {
    const recommendations = connectRecommendations(settings.upstream('recommendations'));
    const reviewsOf = (product: string) =>
      getJson(settings.upstream('reviews'), `/reviews/${encodeURIComponent(product)}`);

    const server = await serveJson(settings, {
      '/': () => page({ reviews: reviewsOf('featured') }),
      '/product/': (product) =>
        page({
          reviews: reviewsOf(product),
          recommendations: recommendations.list({ product }),
          alsoBought: recommendations.watch({ product }),
          ledger: addEntry(settings.upstream('ledger'), `viewed ${product}`),
        }),
    });
    return {
      async close() {
        await server.close();
        recommendations.close();
      },
    };
  },
};

/** 200 when every part came, else 502; what came is in the body either way. */
async function page(parts: Readonly<Record<string, Promise<unknown>>>): Promise<Answer> {
  const names = Object.keys(parts);
  const settled = await Promise.allSettled(Object.values(parts));
  const failed = settled.some(({ status }) => status === 'rejected');
  const body = Object.fromEntries(
    settled.map((part, index) => [
      names[index],
      part.status === 'fulfilled' ? part.value : { error: messageOf(part.reason) },
    ]),
  );
  return { status: failed ? 502 : 200, body };
}
