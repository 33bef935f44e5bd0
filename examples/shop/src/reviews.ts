/** Reviews: texts of its own, with the stars that ratings gave. */
import type { App } from './app.js';
import { getJson, serveJson } from './http.js';

const TEXTS = ['Bridges the gap between two shores.', 'Held up in every weather so far.'];

export const reviews: App = {
  summary: 'HTTP: GET /reviews/ID, calls ratings',
  needs: ['ratings'],
  start: (settings) =>
    serveJson(settings, {
      '/reviews/': async (product) => {
        const rated = await getJson(settings.upstream('ratings'), `/ratings/${encodeURIComponent(product)}`);
        return { status: 200, body: { product, reviews: TEXTS, ratings: rated } };
      },
    }),
};
