/** What the proxy itself answers. */
import { FAULTS, type FaultCode } from '@isthmus/sdk/wire';
import { describe, expect, it } from 'vitest';
import type { Fields, RequestHead } from '../../../src/http/exchange.js';
import { grpcStatusOf, localReply } from '../../../src/http/respond.js';

function request(fields: Fields = []): RequestHead {
  return { method: 'GET', target: '/', authority: 'a', scheme: 'http', fields, sensitive: [], framing: 'none' };
}

describe('localReply', () => {
  it.each(Object.keys(FAULTS) as FaultCode[])('names %s and nothing else in one line of text', (code) => {
    const { body, fields } = localReply(request(), code);

    expect(body).toBe(`request not served: ${code}\n`);
    expect(fields).toContainEqual(['content-length', String(body.length)]);
  });

  it.each([
    ['NO_HEALTHY_UPSTREAM', 503],
    ['CONNECT_TIMEOUT', 503],
    ['NOT_EXPORTED', 503],
    ['POLICY_DENY', 403],
    ['MALFORMED_REQUEST', 400],
  ] as const)('answers %s with %i', (code, status) => {
    expect(localReply(request(), code).status).toBe(status);
  });

  it.each([
    ['NO_HEALTHY_UPSTREAM', 14],
    ['POLICY_DENY', 7],
    ['MALFORMED_REQUEST', 13],
  ] as const)('answers %s to a gRPC client as status %i in a head of its own', (code, grpcStatus) => {
    const reply = localReply(request([['Content-Type', 'application/grpc+proto']]), code);

    expect(reply).toMatchObject({ status: 200, body: '', grpcStatus });
    expect(reply.fields).toContainEqual(['grpc-status', String(grpcStatus)]);
    expect(reply.fields).toContainEqual(['grpc-message', `request not served: ${code}`]);
  });
});

describe('grpcStatusOf', () => {
  it.each([
    [[['grpc-status', '0']], 0],
    [[['Grpc-Status', '16']], 16],
    [[['grpc-status', 'ok']], undefined],
    [[['grpc-status', '-1']], undefined],
    [[], undefined],
  ] as [Fields, number | undefined][])('reads %j as %s', (fields, expected) => {
    expect(grpcStatusOf(fields)).toBe(expected);
  });
});
