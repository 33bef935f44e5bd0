/**
 * Follows what a control plane says about trust: all bundles at once, and again after each change, by SPIFFE's
 * `FetchX509Bundles`. New roots so reach a proxy in a moment, not with its next certificate. While the control plane is
 * away, what it last said stays. One that does not know the method (istiod) says nothing, and is asked again rarely.
 *
 * What cannot be used (see trust-message.ts) leaves the bundles before in force.
 */
import { create } from '@bufbuild/protobuf';
import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { createBackoff } from '../runtime/backoff.js';
import { type Clock, pause } from '../runtime/clock.js';
import { type ControlPlaneAccess, connectControlPlane } from '../runtime/control-plane.js';
import { failureOf } from '../runtime/grpc-client.js';
import type { Logger } from '../runtime/log.js';
import type { Scope } from '../runtime/scope.js';
import { spiffePb } from '../wire/protos.js';
import { trustService } from '../wire/services.js';
import type { Trust } from './trust.js';
import { readBundles } from './trust-message.js';

export interface TrustClientInit {
  readonly access: ControlPlaneAccess;
  /** Is set to what the control plane says. */
  readonly trust: Trust;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: () => number;
}

/** SPIFFE demands it of every call, so that a request forged through another program is told from a real one. */
const SECURITY_HEADER = { 'workload.spiffe.io': 'true' } as const;
const FIRST_ANSWER_MS = 10_000;
const BACKOFF = { firstMs: 1_000, capMs: 30_000 } as const;
/** Whoever does not know the method may be replaced by one who does. */
const UNKNOWN_METHOD_MS = 300_000;

/** Follows until the scope closes. */
export function followTrustBundles(scope: Scope, init: TrustClientInit): void {
  const following = follow(scope.signal, init);
  scope.own(() => following);
}

async function follow(signal: AbortSignal, init: TrustClientInit): Promise<void> {
  const { trust, clock, log, random, access } = init;
  const { address } = access;
  const backoff = createBackoff({ ...BACKOFF, ...(random && { random }) });
  let isReported = false;
  while (!signal.aborted) {
    const end = await run(signal, init, () => {
      backoff.reset();
      isReported = false;
    });
    if (signal.aborted) return;
    const isUnknown = end.code === status.UNIMPLEMENTED;
    if (isUnknown) trust.set(undefined);
    const story = { address, reason: end.code === status.OK ? 'it ended the stream' : failureOf(end.details) };
    // Once per outage: discovery and certificates tell of the rest.
    if (isReported) log.debug(story, 'trust bundles are still not told');
    else if (isUnknown) log.info(story, 'the control plane tells no trust bundles; roots come with certificates');
    else if (trust.bundles) log.warn(story, 'trust bundles are not told any more; those known stay in force');
    else log.warn(story, 'trust bundles are not told yet; roots come with certificates');
    isReported = true;
    await pause(clock, isUnknown ? UNKNOWN_METHOD_MS : backoff.next(), signal).catch(() => {});
  }
}

interface End {
  readonly code: status;
  readonly details: string;
}

/** One stream, to its end. Never rejects. */
async function run(signal: AbortSignal, init: TrustClientInit, onAnswer: () => void): Promise<End> {
  const { access, trust, clock, log } = init;
  const { path, requestSerialize, responseDeserialize } = trustService.fetchX509Bundles;
  try {
    const headers = { ...access.headers, ...SECURITY_HEADER };
    const { client, metadata } = await connectControlPlane({ ...access, headers });
    const request = create(spiffePb.X509BundlesRequestSchema);
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    const disarm = clock.schedule(FIRST_ANSWER_MS, () => call.cancel());
    call.on('data', (response: spiffePb.X509BundlesResponse) => {
      disarm();
      onAnswer();
      try {
        trust.set(readBundles(response));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error({ address: access.address, reason }, 'trust bundles cannot be used; those before stay in force');
      }
    });
    return await endOf(call, signal).finally(() => {
      disarm();
      client.close();
    });
  } catch (error) {
    return { code: status.UNKNOWN, details: error instanceof Error ? error.message : String(error) };
  }
}

function endOf(call: ClientReadableStream<unknown>, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    // The status says the same; without a listener the error would be thrown.
    call.on('error', (_: ServiceError) => {});
    call.on('status', (end: End) => {
      signal.removeEventListener('abort', cancel);
      resolve(end);
    });
  });
}
