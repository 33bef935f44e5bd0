/** RFC 9113 section 3.4: how a connection opens, both roles. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientSubject, createClientSubject } from '../../support/conformance/client-subject.js';
import { createServerSubject, type ServerSubject } from '../../support/conformance/server-subject.js';
import { raw, rawFrame } from '../../support/raw-frames.js';

/** What our server says before it is told anything: its windows are ztunnel's. */
const GREETING = ['SETTINGS', 'WINDOW_UPDATE 0 +16711681'];
/** What our client says: the same, and its CONNECT at once, without waiting for the server (section 3.4). */
const CLIENT_GREETING = [...GREETING, 'HEADERS 1 request'];

const BROKEN_SERVER = ['GOAWAY 0 PROTOCOL_ERROR', 'closed'];

describe('3.4 a server', () => {
  let subject: ServerSubject;
  beforeAll(async () => {
    subject = await createServerSubject();
  });
  afterAll(() => subject.close());

  it.each([
    ['takes the preface and an empty SETTINGS', [raw.preface, raw.settings()], ['SETTINGS ACK']],
    [
      'takes frames that follow at once, before its own SETTINGS are acknowledged',
      [raw.preface, raw.settings(), raw.connect(1, 'refuser:1')],
      ['SETTINGS ACK', 'HEADERS 1 503 END_STREAM', 'RST_STREAM 1 NO_ERROR'],
    ],
    ['refuses HTTP/1.1', [Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')], BROKEN_SERVER],
    ['refuses a preface with one wrong byte', [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\rX')], BROKEN_SERVER],
    ['refuses SETTINGS without a preface', [raw.settings()], BROKEN_SERVER],
    ['refuses PING as the first frame', [raw.preface, raw.ping()], BROKEN_SERVER],
    ['refuses a request as the first frame', [raw.preface, raw.connect(1), raw.settings()], BROKEN_SERVER],
    ['refuses an acknowledgement as the first frame', [raw.preface, raw.settingsAck()], BROKEN_SERVER],
    ['refuses an unknown frame as the first', [raw.preface, rawFrame(0xaa, 0, 0)], BROKEN_SERVER],
  ] as const)('%s', async (_, opening, back) => {
    expect(await subject.open(opening)).toEqual([...GREETING, ...back]);
  });
});

describe('3.4 a client', () => {
  let subject: ClientSubject;
  beforeAll(async () => {
    subject = await createClientSubject();
  });
  afterAll(() => subject.close());

  it.each([
    ['takes an empty SETTINGS', [raw.settings()], ['SETTINGS ACK'], []],
    [
      'refuses HTTP/1.1',
      [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
      BROKEN_SERVER,
      ['fault H2_HANDSHAKE_FAILURE'],
    ],
    ['refuses PING as the first frame', [raw.ping()], BROKEN_SERVER, ['fault H2_HANDSHAKE_FAILURE']],
    [
      'refuses an answer before SETTINGS',
      [raw.headers(1, [[':status', '200']])],
      BROKEN_SERVER,
      ['fault H2_HANDSHAKE_FAILURE'],
    ],
    [
      'refuses an acknowledgement as the first frame',
      [raw.settingsAck()],
      BROKEN_SERVER,
      ['fault H2_HANDSHAKE_FAILURE'],
    ],
  ] as const)('%s', async (_, opening, back, seen) => {
    const outcome = await subject.open(opening);

    expect(outcome.back).toEqual([...CLIENT_GREETING, ...back]);
    expect(outcome.seen).toEqual(seen);
  });
});
