/**
 * The server's half of incremental xDS for one type, as small as it can be: it sends what differs from what the client
 * said it holds and from what was sent since, in pieces if asked to, and takes replies without looking twice.
 */
import { create } from '@bufbuild/protobuf';
import { discoveryPb } from '../../src/wire/index.js';

export interface Held {
  readonly version: string;
  readonly resource: discoveryPb.Resource;
}

export interface ServerStream {
  /** The next response, of at most `limit` resources and all removals; undefined when the client has everything. */
  next(content: ReadonlyMap<string, Held>, limit: number): discoveryPb.DeltaDiscoveryResponse | undefined;
  onReply(reply: discoveryPb.DeltaDiscoveryRequest): void;
  readonly nacks: readonly string[];
}

export function acceptStream(first: discoveryPb.DeltaDiscoveryRequest): ServerStream {
  const sent = new Map(Object.entries(first.initialResourceVersions));
  const unanswered: string[] = [];
  const nacks: string[] = [];
  let counter = 0;
  return {
    nacks,
    next(content, limit) {
      const changed = [...content].filter(([name, { version }]) => sent.get(name) !== version).slice(0, limit);
      const removedResources = [...sent.keys()].filter((name) => !content.has(name));
      // The first answer is owed even when there is nothing to say.
      if (changed.length === 0 && removedResources.length === 0 && counter > 0) return undefined;
      for (const [name, { version }] of changed) sent.set(name, version);
      for (const name of removedResources) sent.delete(name);
      const nonce = `nonce-${++counter}`;
      unanswered.push(nonce);
      return create(discoveryPb.DeltaDiscoveryResponseSchema, {
        typeUrl: first.typeUrl,
        nonce,
        resources: changed.map(([, { resource }]) => resource),
        removedResources,
      });
    },
    onReply({ responseNonce, errorDetail }) {
      const expected = unanswered.shift();
      if (responseNonce !== expected) throw new Error(`reply to ${responseNonce}, expected one to ${expected}`);
      if (errorDetail) nacks.push(errorDetail.message);
    },
  };
}
