/**
 * Getting an answer for one request: choose an endpoint, take a connection to it, send, wait for the head of the answer,
 * and once more elsewhere when that is safe (`retry.ts` decides). What to do with the answer is for `forward.ts`.
 */

import { type Originated, plannedDestination } from '@isthmus/sdk/originate';
import type { Plan } from '@isthmus/sdk/routing';
import { Fault } from '@isthmus/sdk/wire';
import type { Answer, Downstream, RequestHead, UpstreamExchange, UpstreamFailure } from './exchange.js';
import { forwardedTrailers } from './headers.js';
import { createRequestBody, type RequestBody } from './request-body.js';
import type { RequestReport } from './request-report.js';
import { mayRetry } from './retry.js';
import type { InformationListener } from './upstream-connection.js';
import type { OpenPlan, UpstreamPool } from './upstream-pool.js';

export interface AttemptInit {
  readonly downstream: Downstream;
  /** The head as the application shall see it. */
  readonly head: RequestHead;
  readonly report: RequestReport;
  readonly pool: UpstreamPool;
  readonly replayBytes: number;
  /** Hears of 1xx answers. */
  readonly inform: InformationListener;
  /** Where the request goes, leaving out endpoints by uid. */
  route(avoid: ReadonlySet<string>): Plan;
}

/** A request that got an answer. Whoever takes it calls `release` when the answer has been passed on or given up. */
export interface Obtained {
  readonly kind: 'obtained';
  readonly answer: Exclude<Answer, { kind: 'failed' }>;
  readonly upstream: UpstreamExchange;
  /** Stops sending what is left of the request, and breaks it off if it is not complete. */
  release(): void;
}

interface Failed {
  readonly kind: 'failed';
  /** How far it came: there was no connection, or the request was on one. */
  readonly stage: 'connect' | 'request';
  readonly failure: UpstreamFailure;
}

export const CLIENT_GONE: UpstreamFailure = {
  code: 'CLIENT_GONE',
  message: 'the client closed before its answer was complete',
  processed: 'maybe',
};

/** Never rejects. */
export async function obtainAnswer(init: AttemptInit): Promise<Obtained | UpstreamFailure> {
  const { downstream, head, report } = init;
  const body = createRequestBody(downstream.body, init.replayBytes);
  const avoid = new Set<string>();
  let plan = init.route(avoid);
  for (let attempt = 1; ; attempt++) {
    if (plan.kind === 'refuse') return { code: plan.fault, message: plan.reason, processed: 'no' };
    const outcome = await tryOnce(init, plan, body);
    report.requestBytes = body.receivedBytes;
    if (outcome.kind === 'obtained') return outcome;
    const { failure, stage } = outcome;
    if (downstream.gone.aborted) return CLIENT_GONE;
    if (!mayRetry({ attempt, method: head.method, failure, replayable: body.replayable })) return failure;
    const next = nextPlan(init, plan, stage, avoid);
    if (next === undefined) return failure;
    plan = next;
  }
}

/**
 * Another endpoint, when there is one. Else the same again where that can help: an established connection that failed says
 * nothing about a new one, and a gateway picks a backend anew for each.
 */
function nextPlan(
  { route }: AttemptInit,
  plan: OpenPlan,
  stage: Failed['stage'],
  avoid: Set<string>,
): OpenPlan | undefined {
  if (plan.destination) avoid.add(plan.destination.uid);
  const elsewhere = route(avoid);
  if (elsewhere.kind !== 'refuse') return elsewhere;
  return stage === 'request' || plan.kind === 'nested' ? plan : undefined;
}

async function tryOnce(init: AttemptInit, plan: OpenPlan, body: RequestBody): Promise<Obtained | Failed> {
  const { downstream, report } = init;
  report.reaching(plannedDestination(plan), undefined);
  let sent: { readonly upstream: UpstreamExchange; readonly originated: Originated };
  try {
    sent = await init.pool.with({ plan, version: downstream.version, signal: downstream.gone }, (connection) => ({
      upstream: connection.send(init.head, init.inform),
      originated: connection.originated,
    }));
  } catch (error) {
    return { kind: 'failed', stage: 'connect', failure: connectFailure(error) };
  }
  const { upstream, originated } = sent;
  report.reaching(originated.destination, originated.address);
  return awaitAnswer(init, upstream, body);
}

async function awaitAnswer(
  init: AttemptInit,
  upstream: UpstreamExchange,
  body: RequestBody,
): Promise<Obtained | Failed> {
  const { downstream, report } = init;
  const onGone = () => upstream.abort();
  downstream.gone.addEventListener('abort', onGone, { once: true });
  if (downstream.gone.aborted) onGone();
  const sending = sendRequest(init, upstream, body).catch(() => upstream.abort());
  const answer = await upstream.answer;
  if (answer.kind === 'failed') {
    downstream.gone.removeEventListener('abort', onGone);
    body.detach();
    await sending;
    return { kind: 'failed', stage: 'request', failure: answer.failure };
  }
  body.commit();
  return {
    kind: 'obtained',
    answer,
    upstream,
    release() {
      downstream.gone.removeEventListener('abort', onGone);
      body.detach();
      report.requestBytes = body.receivedBytes;
      upstream.abort();
    },
  };
}

async function sendRequest(
  { downstream, head }: AttemptInit,
  upstream: UpstreamExchange,
  body: RequestBody,
): Promise<void> {
  if (head.framing === 'none') {
    upstream.finish([]);
    return;
  }
  const end = await body.sendTo(upstream.sink);
  if (end === 'ended') upstream.finish(forwardedTrailers(downstream.trailers()));
}

function connectFailure(error: unknown): UpstreamFailure {
  if (error instanceof Fault) return { code: error.code, message: error.message, processed: 'no' };
  return { code: 'CONNECT_FAILED', message: String(error), processed: 'no' };
}
