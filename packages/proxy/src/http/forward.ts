/**
 * One request from a client to an application and its answer back, both ways as streams with back-pressure, trailers and
 * 1xx answers included; then one report to telemetry, whatever happened. Nothing of a request is kept but what a second
 * attempt may need (`request-body.ts`).
 */
import { pump } from '@isthmus/sdk/hbone';
import type { Plan } from '@isthmus/sdk/routing';
import type { Clock } from '@isthmus/sdk/runtime';
import type { Telemetry } from '../telemetry/types.js';
import { CLIENT_GONE, type Obtained, obtainAnswer } from './attempt.js';
import { pumpBody } from './body-pump.js';
import type { Answer, Downstream, Fields, RequestHead, ResponseHead, UpstreamFailure } from './exchange.js';
import { forwardedRequestFields, forwardedResponseFields, forwardedTrailers } from './headers.js';
import { interimTo } from './interim.js';
import type { HttpLimits } from './limits.js';
import { type RequestOrigin, RequestReport } from './request-report.js';
import { grpcStatusOf, localReply } from './respond.js';
import type { UpstreamPool } from './upstream-pool.js';

export interface ForwardInit {
  readonly origin: RequestOrigin;
  /** Where a request goes, leaving out endpoints by uid. */
  route(avoid: ReadonlySet<string>): Plan;
  readonly pool: UpstreamPool;
  readonly telemetry: Pick<Telemetry, 'request'>;
  readonly clock: Clock;
  readonly limits: Pick<HttpLimits, 'replayBytes' | 'headBytes'>;
  newRequestId(): string;
}

/** Never rejects. Resolves when the client has its answer or is gone. */
export async function forward(downstream: Downstream, init: ForwardInit): Promise<void> {
  const report = new RequestReport(downstream.head, init.origin, init.clock);
  try {
    const head = forwardedHead(downstream.head, init);
    const { pool, route } = init;
    const { replayBytes, headBytes } = init.limits;
    const inform = interimTo(downstream, headBytes);
    const outcome = await obtainAnswer({ downstream, head, report, pool, replayBytes, inform, route });
    if ('code' in outcome) await replyLocally(downstream, outcome, report);
    else await relay(downstream, outcome, report);
  } catch (error) {
    // A mistake of ours costs one request.
    report.failed({ code: 'TUNNEL_LOST', message: `internal error: ${String(error)}` });
    downstream.abort();
  } finally {
    init.telemetry.request(report.facts());
  }
}

function forwardedHead(head: RequestHead, rules: Pick<ForwardInit, 'newRequestId'>): RequestHead {
  return { ...head, fields: forwardedRequestFields(head.fields, rules) };
}

async function relay(downstream: Downstream, obtained: Obtained, report: RequestReport): Promise<void> {
  const { answer } = obtained;
  const head = { ...answer.head, fields: forwardedResponseFields(answer.head.fields) };
  report.responseCode = head.status;
  report.grpcStatus = grpcStatusOf(head.fields);
  if (answer.kind === 'switched') await relaySwitched(downstream, head, answer, report);
  else await relayResponse(downstream, head, { ...obtained, answer }, report);
}

async function relayResponse(
  downstream: Downstream,
  head: ResponseHead,
  { answer, upstream, release }: Obtained & { readonly answer: Extract<Answer, { kind: 'response' }> },
  report: RequestReport,
): Promise<void> {
  const sink = downstream.respond(head);
  if (sink === 'no-body') answer.body.resume();
  const counted = (chunk: Buffer) => {
    report.responseBytes += chunk.length;
  };
  const end = sink === 'no-body' ? 'ended' : await pumpBody(answer.body, sink, counted).done;
  const gone = downstream.gone.aborted;
  const failure = upstream.failure();
  release();
  if (end === 'ended') {
    const trailers: Fields = forwardedTrailers(answer.trailers());
    report.grpcStatus = grpcStatusOf(trailers) ?? report.grpcStatus;
    await downstream.finish(trailers);
  } else if (end === 'sink-lost' || gone) {
    report.failed(CLIENT_GONE);
  } else {
    report.failed(failure ?? { code: 'TUNNEL_LOST', message: 'the connection ended in the middle of the answer' });
    downstream.abort(failure?.http2Code);
  }
}

/** The connection belongs to the next protocol until both sides have ended. */
async function relaySwitched(
  downstream: Downstream,
  head: ResponseHead,
  answer: Extract<Answer, { kind: 'switched' }>,
  report: RequestReport,
): Promise<void> {
  const fields: Fields = [...head.fields, ['Upgrade', downstream.head.upgrade ?? ''], ['Connection', 'Upgrade']];
  const client = downstream.switchProtocols({ ...head, fields });
  const end = await pump(client, answer.stream, {
    received: (bytes) => {
      report.requestBytes += bytes;
    },
    sent: (bytes) => {
      report.responseBytes += bytes;
    },
  });
  if (end.side === 'downstream') report.failed(CLIENT_GONE);
  if (end.side === 'upstream') report.failed({ code: 'TUNNEL_LOST', message: 'the upgraded connection was lost' });
}

/** No application answered: says so to the client, unless that is who left. */
async function replyLocally(downstream: Downstream, failure: UpstreamFailure, report: RequestReport): Promise<void> {
  report.failed({ code: failure.code, message: failure.message });
  if (downstream.gone.aborted) return;
  const { status, fields, body, grpcStatus } = localReply(downstream.head, failure.code);
  const sink = downstream.respond({ status, fields, sensitive: [], ended: body === '' });
  report.responseCode = status;
  report.grpcStatus = grpcStatus;
  if (sink !== 'no-body') sink.write(body);
  await downstream.finish([]);
}
