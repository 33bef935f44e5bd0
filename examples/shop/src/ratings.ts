/** Ratings: stars for each review of a product. Calls nobody. */
import type { App } from './app.js';
import { serveJson } from './http.js';

export const ratings: App = {
  summary: 'HTTP: GET /ratings/ID',
  needs: [],
  start: (settings) =>
    serveJson(settings, {
      '/ratings/': (product) => ({ status: 200, body: { product, stars: [starsOf(product), 5] } }),
    }),
};

/** The same product always has the same stars, 1 to 5. */
function starsOf(product: string): number {
  let sum = 0;
  for (const character of product) sum += character.codePointAt(0) ?? 0;
  return 1 + (sum % 5);
}
