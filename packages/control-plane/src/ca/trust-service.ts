/**
 * Trust bundles over gRPC, by SPIFFE's `FetchX509Bundles`: all of them at once, and again after each change, so that a new
 * root is trusted everywhere before anything is signed below it. Proxies of ours follow it; a ztunnel does not know it and
 * learns of roots with its certificates.
 *
 * Bounds: `MAX_STREAMS`; a stream that does not read holds one message and then gets the newest.
 */
import { type Metadata, type ServerWritableStream, type ServiceError, status } from '@grpc/grpc-js';
import { type TrustBundles, writeBundles } from '@isthmus/sdk/identity';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import type { spiffePb } from '@isthmus/sdk/wire';
import type { Caller } from './authenticate.js';
import type { TrustFeed } from './trust-feed.js';

export type TrustCall = ServerWritableStream<spiffePb.X509BundlesRequest, spiffePb.X509BundlesResponse>;

export interface TrustServiceInit {
  readonly feed: TrustFeed;
  readonly callerOf: (metadata: Metadata) => Caller;
  /** Ends all streams. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TrustFollower {
  readonly identity: string;
  readonly peer: string;
  /** What it was last sent. */
  readonly told: TrustBundles | undefined;
  /** When, milliseconds since the epoch. */
  readonly toldAt: number;
}

export interface TrustService {
  readonly handler: (call: TrustCall) => void;
  followers(): readonly TrustFollower[];
}

/** As many as there may be discovery streams. */
const MAX_STREAMS = 10_000;
/** SPIFFE Workload API section 2: without it a request may have been forged through another program. */
const SECURITY_HEADER = 'workload.spiffe.io';

export function createTrustService({ feed, callerOf, signal, clock, log }: TrustServiceInit): TrustService {
  const followers = new Set<{ -readonly [K in keyof TrustFollower]: TrustFollower[K] }>();

  function serve(call: TrustCall): void {
    const { identity } = callerOf(call.metadata);
    const follower: typeof followers extends Set<infer F> ? F : never = {
      identity,
      peer: call.getPeer(),
      told: undefined,
      toldAt: 0,
    };
    let isFull = false;
    const tell = () => {
      if (isFull || follower.told === feed.current) return;
      follower.told = feed.current;
      follower.toldAt = clock.now();
      isFull = !call.write(writeBundles(feed.current));
    };
    const end = () => call.end();
    const ignore = feed.onChanged(tell);
    followers.add(follower);
    signal.addEventListener('abort', end, { once: true });
    call.on('drain', () => {
      isFull = false;
      tell();
    });
    const forget = () => {
      ignore();
      followers.delete(follower);
      signal.removeEventListener('abort', end);
    };
    call.once('cancelled', forget);
    call.once('close', forget);
    call.once('finish', forget);
    tell();
    log.debug({ identity, peer: follower.peer }, 'trust bundles are followed');
  }

  return {
    handler(call) {
      // Before anything else: an error without a listener would end the process.
      call.on('error', () => {});
      const refusal = whyRefused(call, { isClosing: signal.aborted, streams: followers.size });
      if (refusal) call.emit('error', refusal);
      else serve(call);
    },
    followers: () => [...followers].map((follower) => ({ ...follower })),
  };
}

function whyRefused(
  { metadata }: TrustCall,
  { isClosing, streams }: { readonly isClosing: boolean; readonly streams: number },
): Pick<ServiceError, 'code' | 'details'> | undefined {
  if (metadata.get(SECURITY_HEADER)[0] !== 'true')
    return { code: status.INVALID_ARGUMENT, details: `the header ${SECURITY_HEADER}: true is missing` };
  if (isClosing) return { code: status.UNAVAILABLE, details: 'the control plane is closing' };
  if (streams >= MAX_STREAMS)
    return { code: status.RESOURCE_EXHAUSTED, details: `${MAX_STREAMS} proxies follow the trust bundles already` };
  return undefined;
}
