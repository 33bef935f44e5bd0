/**
 * A full push over real gRPC: a server, any number of clients that take bytes without decoding them, and the wall time
 * until all of them have everything. Who serves is the caller's choice; transport and clients are the same.
 */
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { discoveryService } from '@isthmus/sdk/wire';

/** Writes everything to one client; resolves when the transport has taken it. */
export type Serve = (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>;

export interface Pushed {
  readonly seconds: number;
  /** Bytes that each client got. */
  readonly bytes: number;
}

type Call = ServerDuplexStream<Buffer, Uint8Array>;

const METHOD = {
  ...discoveryService.deltaAggregatedResources,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  responseDeserialize: (bytes: Buffer) => bytes,
};
const SERVICE = { push: METHOD } as unknown as ServiceDefinition;

export async function push(clients: number, serve: Serve): Promise<Pushed> {
  const server = new Server();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  server.addService(SERVICE, {
    push: (call: Call) => {
      void released
        .then(() => serve((bytes) => new Promise((taken) => call.write(bytes, () => taken()))))
        .then(() => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  try {
    const streams = Array.from({ length: clients }, () => open(port));
    await Promise.all(streams.map(({ opened }) => opened));
    const started = performance.now();
    release();
    const bytes = await Promise.all(streams.map(({ received }) => received));
    const seconds = (performance.now() - started) / 1000;
    for (const { close } of streams) close();
    if (new Set(bytes).size !== 1) throw new Error(`clients got different amounts: ${bytes.join(', ')}`);
    return { seconds, bytes: bytes[0] ?? 0 };
  } finally {
    server.forceShutdown();
  }
}

function open(port: number) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  const { path, requestSerialize, responseDeserialize } = METHOD;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const received = new Promise<number>((resolve, reject) => {
    let bytes = 0;
    call.on('data', (message: Buffer) => {
      bytes += message.length;
    });
    call.on('end', () => resolve(bytes));
    call.on('error', reject);
  });
  const opened = new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
  });
  call.write(Buffer.alloc(0));
  return { opened, received, close: () => client.close() };
}
