/**
 * What a peer exported, as bytes of a file. Pure. Three parts: a line that names the format, a line of JSON that says of
 * whom it is and of when, and the records as they travel (`DeltaDiscoveryResponse` with Addresses), whose hash is in the
 * second line. What does not match in every respect is refused as a whole, with the reason.
 */
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  decodeResource,
  encodeService,
  encodeWorkload,
  formatProblems,
  type ResourceModel,
  type Snapshot,
} from '@isthmus/sdk/discovery';
import { discoveryPb, encodeDeltaResponse, encodeResource, RESOURCE_TYPES, workloadPb } from '@isthmus/sdk/wire';
import { type Infer, identifier, list, required, strictObject, string } from '../../schema/index.js';
import { fingerprint, readJson } from '../records.js';

/** Another number when what follows it changes its meaning. */
const FORMAT = 'isthmus-imports 1';
/** Records encoded in one go, a few milliseconds. */
const SLICE = 1_000;
/** Of a file; more than a hundred times that of ten thousand services. */
export const MAX_SAVED_BYTES = 256 * 1024 * 1024;

const instant = string({
  type: 'ISO 8601 instant',
  test: (text) => !Number.isNaN(Date.parse(text)),
  expected: 'an ISO 8601 instant',
});

const ownerSchema = {
  cluster: required(identifier),
  network: required(identifier),
  trustDomain: required(identifier),
  /** Of the roots that the peer was verified against. */
  fingerprints: required(list(fingerprint)),
};
const headerSchema = strictObject({
  ...ownerSchema,
  /** Until when this is known to be what the peer exports. */
  asOf: required(instant),
  sha256: required(fingerprint),
});
const owner = strictObject(ownerSchema);
/** Of whom a file is. */
export type Owner = Infer<typeof owner>;

export interface Restored {
  readonly owner: Owner;
  /** Milliseconds since the epoch. */
  readonly asOf: number;
  readonly records: readonly ResourceModel[];
}

/** Messages of Protobuf put one after the other are one message, so it can be made piece by piece. */
export function* encodeRecords(snapshot: Pick<Snapshot, 'services' | 'workloads'>): Generator<Uint8Array> {
  let slice: Uint8Array[] = [];
  for (const resource of resourcesOf(snapshot)) {
    slice.push(resource);
    if (slice.length < SLICE) continue;
    yield messageOf(slice);
    slice = [];
  }
  if (slice.length > 0) yield messageOf(slice);
}

function* resourcesOf(snapshot: Pick<Snapshot, 'services' | 'workloads'>): Generator<Uint8Array> {
  for (const value of snapshot.services())
    yield resourceOf(value.key, { case: 'service', value: encodeService(value) });
  for (const value of snapshot.workloads())
    yield resourceOf(value.uid, { case: 'workload', value: encodeWorkload(value) });
}

function resourceOf(name: string, type: workloadPb.Address['type']): Uint8Array {
  const value = toBinary(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type }));
  return encodeResource({ name, version: '', typeUrl: RESOURCE_TYPES.address.typeUrl, value });
}

function messageOf(resources: readonly Uint8Array[]): Uint8Array {
  return encodeDeltaResponse({ typeUrl: '', nonce: '', resources, removedResources: [] });
}

/** What stands before the pieces. */
export function formatHead(of: Owner, asOf: number, pieces: readonly Uint8Array[]): Uint8Array {
  const { cluster, network, trustDomain, fingerprints } = of;
  const header: Infer<typeof headerSchema> = {
    cluster,
    network,
    trustDomain,
    fingerprints,
    asOf: new Date(asOf).toISOString(),
    sha256: hashOf(pieces),
  };
  return Buffer.from(`${FORMAT}\n${JSON.stringify(header)}\n`);
}

/** Throws an error that says what is wrong with it. */
export function parseSaved(bytes: Buffer): Restored {
  const [format, rest] = splitLine(bytes);
  if (format !== FORMAT) throw new Error(`it does not begin with "${FORMAT}"`);
  const [text, body] = splitLine(rest);
  const { asOf, sha256, ...of } = readJson('its second line', text, headerSchema);
  if (hashOf([body]) !== sha256) throw new Error('its records do not have the hash that it states');
  return { owner: of, asOf: Date.parse(asOf), records: recordsOf(body) };
}

function recordsOf(body: Uint8Array): readonly ResourceModel[] {
  return fromBinary(discoveryPb.DeltaDiscoveryResponseSchema, body).resources.map((resource) => {
    const decoded = decodeResource('address', resource);
    if (!decoded.ok) throw new Error(`its record ${resource.name} is wrong: ${formatProblems(decoded.problems)}`);
    return decoded.value;
  });
}

function splitLine(bytes: Buffer): readonly [line: string, rest: Buffer] {
  const end = bytes.indexOf('\n');
  return end < 0 ? [bytes.toString(), Buffer.alloc(0)] : [bytes.subarray(0, end).toString(), bytes.subarray(end + 1)];
}

function hashOf(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
