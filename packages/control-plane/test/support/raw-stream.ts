/** A discovery stream on bare HTTP/2 that reads only when told to: a gRPC client always reads ahead. */
import { connect } from 'node:http2';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { discoveryPb, discoveryService } from '@isthmus/sdk/wire';
import type { TestPlane } from './plane.js';
import { type ReadResponse, readResponse } from './xds.js';

export interface RawStream {
  send(message: discoveryPb.DeltaDiscoveryRequest): void;
  /** Starts to read; each response is given to `onResponse`, until it returns true. */
  readUntil(onResponse: (response: ReadResponse) => boolean): Promise<void>;
  close(): void;
}

export function openRawStream({ plane, rootPem }: TestPlane, token: string): RawStream {
  const session = connect(`https://localhost:${plane.ports.listen}`, { ca: rootPem });
  const stream = session.request({
    ':method': 'POST',
    ':path': discoveryService.deltaAggregatedResources.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  });
  return {
    send(message) {
      const bytes = toBinary(discoveryPb.DeltaDiscoveryRequestSchema, message);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(bytes.length, 1);
      stream.write(Buffer.concat([prefix, bytes]));
    },
    readUntil: (onResponse) =>
      new Promise((resolve) => {
        let pending = Buffer.alloc(0);
        stream.on('data', (chunk: Buffer) => {
          pending = Buffer.concat([pending, chunk]);
          for (let length = frameLength(pending); length !== undefined; length = frameLength(pending)) {
            const message = fromBinary(discoveryPb.DeltaDiscoveryResponseSchema, pending.subarray(5, 5 + length));
            pending = pending.subarray(5 + length);
            if (onResponse(readResponse(message))) resolve();
          }
        });
      }),
    close: () => session.destroy(),
  };
}

/** Of the message at the front; undefined while it is not complete. */
function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < 5) return undefined;
  const length = bytes.readUInt32BE(1);
  return bytes.length < 5 + length ? undefined : length;
}
