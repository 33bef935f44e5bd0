import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/hbone/engine/answer.js';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import { collect, createEnginePair } from '../../support/engine-pair.js';

describe('a CONNECT between two engines', () => {
  it('is answered 200, carries bytes both ways and ends half by half', async () => {
    const pair = createEnginePair({ onRequest: (request) => request.accept([['baggage', 'service.name=reviews']]) });
    const answers: Answer[] = [];
    const stream = pair.client.open({
      authority: '10.0.0.1:80',
      headers: [['baggage', 'k8s.cluster.name=east']],
      answered: (answer) => answers.push(answer),
    });
    const atClient = collect(stream);

    await pair.settle();
    const request = pair.requests[0]!;
    const atServer = collect(request.stream);
    stream.write(Buffer.from('ping'));
    stream.end();
    await pair.settle();
    request.stream.write(Buffer.from('pong'));
    request.stream.end();
    await pair.settle();

    expect(request).toMatchObject({ method: 'CONNECT', authority: '10.0.0.1:80' });
    expect(request.headers.get('baggage')).toBe('k8s.cluster.name=east');
    expect(answers).toMatchObject([{ kind: 'answered', status: 200 }]);
    expect(atServer.text()).toBe('ping');
    expect(atClient.text()).toBe('pong');
    expect([atClient.end, atServer.end]).toEqual([{ kind: 'clean' }, { kind: 'clean' }]);
    expect([pair.client.activeStreams, pair.server.activeStreams]).toEqual([0, 0]);
  });

  it('is over for both when the client cancels', async () => {
    const pair = createEnginePair();
    const stream = pair.client.open({ authority: 'a:1', headers: [], answered() {} });
    await pair.settle();
    const atServer = collect(pair.requests[0]!.stream);
    const atClient = collect(stream);

    stream.reset();
    await pair.settle();

    expect(atClient.end).toEqual({ kind: 'reset', by: 'local', errorCode: ErrorCode.CANCEL });
    expect(atServer.end).toEqual({ kind: 'clean' });
  });

  it('is found among hundreds, whichever ends first', async () => {
    const pair = createEnginePair({
      clientSettings: { maxStreamsPerConnection: 300 },
      serverSettings: { serverMaxConcurrentStreams: 300 },
    });
    await pair.settle();
    const streams = Array.from({ length: 300 }, () =>
      pair.client.open({ authority: 'a:1', headers: [], answered() {} }),
    );
    await pair.settle();
    const sinks = pair.requests.map(({ stream }) => collect(stream));
    // Each number once, neighbours far apart.
    const order = streams.map((_, index) => (index * 77) % streams.length);

    for (const index of order) {
      streams[index]!.write(Buffer.from(`stream ${index}`));
      streams[index]!.end();
      pair.requests[index]!.stream.end();
      await pair.settle();
    }

    expect(sinks.map((sink) => sink.text())).toEqual(streams.map((_, index) => `stream ${index}`));
    expect([pair.client.activeStreams, pair.server.activeStreams]).toEqual([0, 0]);
  });
});
