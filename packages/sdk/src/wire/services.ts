/**
 * The gRPC services of the mesh as grpc-js wants them: paths and codecs. A path is part of the protocol; it is
 * derived from the generated descriptor, so it cannot differ from the proto.
 */
import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { IstioCertificateService } from './gen/citadel_pb.js';
import { AggregatedDiscoveryService, type DeltaDiscoveryResponse } from './gen/discovery_pb.js';
import { SpiffeWorkloadAPI } from './gen/spiffe_workload_api_pb.js';

/** Both ends of one method. A server may answer with a message or with its encoded bytes. */
export interface GrpcMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(message: Request): Buffer;
  requestDeserialize(bytes: Buffer): Request;
  responseSerialize(message: Response | Uint8Array): Buffer;
  responseDeserialize(bytes: Buffer): Response;
}

function method<I extends DescMessage, O extends DescMessage>(
  desc: DescMethod & { input: I; output: O },
): GrpcMethod<MessageShape<I>, MessageShape<O>> {
  const { input, output, methodKind } = desc;
  return {
    path: `/${desc.parent.typeName}/${desc.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => asBuffer(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => asBuffer(message instanceof Uint8Array ? message : toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `grpc.Server.addService(discoveryService, { deltaAggregatedResources })`. */
export const discoveryService = {
  deltaAggregatedResources: method(AggregatedDiscoveryService.method.deltaAggregatedResources),
};

/** `grpc.Server.addService(certificateService, { createCertificate })`. */
export const certificateService = {
  createCertificate: method(IstioCertificateService.method.createCertificate),
};

/** `grpc.Server.addService(trustService, { fetchX509Bundles })`. */
export const trustService = {
  fetchX509Bundles: method(SpiffeWorkloadAPI.method.fetchX509Bundles),
};

/** What a delta server may write: a message, or the bytes of `encodeDeltaResponse`. */
export type DeltaResponseOrBytes = DeltaDiscoveryResponse | Uint8Array;
