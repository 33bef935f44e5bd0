/** The gRPC service `shop.v1.Recommendations` from `proto/recommendations.proto`: its definition, messages and client. */
import { fileURLToPath } from 'node:url';
import {
  type ClientReadableStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ServedBy, Upstream } from './settings.js';

const CALL_TIMEOUT_MS = 5_000;

export interface ListRequest {
  readonly product: string;
}
export interface Recommendation {
  readonly product: string;
  readonly servedBy: ServedBy;
}
export interface ListResponse {
  readonly recommendations: readonly Recommendation[];
  readonly servedBy: ServedBy;
}

const Client = load();
export const recommendationsService = Client.service;

function load(): ServiceClientConstructor {
  const file = fileURLToPath(new URL('../proto/recommendations.proto', import.meta.url));
  const root = loadPackageDefinition(loadSync(file, { defaults: true }));
  const api = (root.shop as GrpcObject).v1 as GrpcObject;
  return api.Recommendations as ServiceClientConstructor;
}

export interface RecommendationsClient {
  list(request: ListRequest): Promise<ListResponse>;
  watch(request: ListRequest): Promise<readonly Recommendation[]>;
  close(): void;
}

/** One channel; calls fail after a deadline with the upstream's name in the message. */
export function connectRecommendations({ name, dial }: Upstream): RecommendationsClient {
  const client = new Client(`${dial.host}:${dial.port}`, credentials.createInsecure(), {
    'grpc.default_authority': name,
  });
  const options = () => ({ deadline: Date.now() + CALL_TIMEOUT_MS });
  const failure = (error: ServiceError) => new Error(`${name}: ${error.message}`);

  return {
    list: (request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          ...method<ListRequest, ListResponse>('List'),
          request,
          options(),
          (error: ServiceError | null, response?: ListResponse) => {
            if (error) reject(failure(error));
            else if (response) resolve(response);
          },
        );
      }),
    watch: (request) =>
      new Promise((resolve, reject) => {
        const received: Recommendation[] = [];
        const stream: ClientReadableStream<Recommendation> = client.makeServerStreamRequest(
          ...method<ListRequest, Recommendation>('Watch'),
          request,
          options(),
        );
        stream.on('data', (message: Recommendation) => received.push(message));
        stream.on('error', (error: ServiceError) => reject(failure(error)));
        stream.on('end', () => resolve(received));
      }),
    close: () => client.close(),
  };
}

type Method<Request, Response> = [string, (value: Request) => Buffer, (bytes: Buffer) => Response];

function method<Request, Response>(name: 'List' | 'Watch'): Method<Request, Response> {
  const definition = recommendationsService[name];
  if (!definition) throw new Error(`recommendations.proto has no method ${name}`);
  return [definition.path, definition.requestSerialize, definition.responseDeserialize];
}
