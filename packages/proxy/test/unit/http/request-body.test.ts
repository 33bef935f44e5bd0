/** A request body that may have to be sent twice. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createRequestBody } from '../../../src/http/request-body.js';

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('createRequestBody', () => {
  it('sends everything from the first byte on to a second sink', async () => {
    const source = new PassThrough();
    const body = createRequestBody(source, 100);
    const [first, second] = [new PassThrough(), new PassThrough()];
    const abandoned = body.sendTo(first);
    source.write('one ');
    await turn();
    body.detach();
    source.end('two');

    const ended = body.sendTo(second);

    expect(await abandoned).toBe('stopped');
    expect(await ended).toBe('ended');
    expect(String(second.read())).toBe('one two');
    expect(body.receivedBytes).toBe(7);
  });

  it('is not replayable any more once it is longer than what is kept', async () => {
    const source = new PassThrough();
    const body = createRequestBody(source, 4);
    const sink = new PassThrough();
    void body.sendTo(sink);

    source.write('1234');
    await turn();
    const before = body.replayable;
    source.write('5');
    await turn();

    expect([before, body.replayable]).toEqual([true, false]);
    expect(String(sink.read())).toBe('12345');
  });

  it('forgets what it kept when no further attempt will be made', async () => {
    const source = new PassThrough();
    const body = createRequestBody(source, 100);
    void body.sendTo(new PassThrough());
    source.write('kept');
    await turn();

    body.commit();

    expect(body.replayable).toBe(false);
  });

  it('stops reading the client when the application does not read', async () => {
    const source = new PassThrough({ highWaterMark: 10 });
    const sink = new PassThrough({ highWaterMark: 10 });
    const body = createRequestBody(source, 0);
    void body.sendTo(sink);

    source.write('0123456789');
    source.write('0123456789');
    source.write('0123456789');
    await turn();

    expect(source.isPaused()).toBe(true);
    expect(body.receivedBytes).toBeLessThan(30);
    sink.resume();
    await turn();
    await turn();
    expect(body.receivedBytes).toBe(30);
  });

  it.each([
    ['the client is lost', 'source-lost'],
    ['the application is lost', 'sink-lost'],
  ])('says so when %s', async (_name, expected) => {
    const [source, sink] = [new PassThrough(), new PassThrough()];
    const ended = createRequestBody(source, 0).sendTo(sink);

    (expected === 'source-lost' ? source : sink).destroy();

    expect(await ended).toBe(expected);
  });
});
