/** Recommendations: a gRPC server, one unary and one streaming method. */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { App } from './app.js';
import {
  type ListRequest,
  type ListResponse,
  type Recommendation,
  recommendationsService,
} from './recommendations-api.js';

const DRAIN_MS = 2_000;

export const recommendations: App = {
  summary: 'gRPC: shop.v1.Recommendations/List and /Watch',
  needs: [],
  async start({ listen, servedBy }) {
    const recommend = ({ product }: ListRequest): Recommendation[] =>
      ['rope', 'lantern', 'map'].map((other) => ({ product: `${other} for ${product}`, servedBy }));
    const server = new Server();
    server.addService(recommendationsService, {
      List(call: ServerUnaryCall<ListRequest, ListResponse>, done: sendUnaryData<ListResponse>) {
        done(null, { recommendations: recommend(call.request), servedBy });
      },
      Watch(call: ServerWritableStream<ListRequest, Recommendation>) {
        for (const recommendation of recommend(call.request)) call.write(recommendation);
        call.end();
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`${listen.host}:${listen.port}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return {
      close: () =>
        new Promise((resolve) => {
          // A watcher that never ends must not keep the process: after the drain time its stream is reset.
          const force = setTimeout(() => server.forceShutdown(), DRAIN_MS);
          server.tryShutdown(() => {
            clearTimeout(force);
            resolve();
          });
        }),
    };
  },
};
