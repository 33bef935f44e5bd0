/** Which protocol the first bytes are. */
import { METHODS } from 'node:http';
import { describe, expect, it } from 'vitest';
import { detect, detectHttp } from '../../../src/http/detect.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('detect', () => {
  it.each([
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['POST /a?b HTTP/1.0\r\n', 'http1'],
    ['OPTIONS * HTTP/1.1\r\n', 'http1'],
    ['GET http://reviews/ HTTP/1.1\r\n', 'http1'],
    ['GET HTTPS://reviews/ HTTP/1.1\r\n', 'http1'],
    ['CONNECT reviews:80 HTTP/1.1\r\n', 'http1'],
    ['M-SEARCH * HTTP/1.1\r\n', 'http1'],
    [PREFACE, 'http2'],
    [`${PREFACE}\0\0\0`, 'http2'],
  ])('takes %j for %s', (text, expected) => {
    expect(detect(Buffer.from(text))).toBe(expected);
  });

  it.each([
    ['a TLS client hello', '\x16\x03\x01\x02\x00\x01\x00'],
    ['Redis', '*1\r\n$4\r\nPING\r\n'],
    ['inline Redis, which shares a verb', 'GET key\r\n'],
    ['memcached', 'get key\r\n'],
    ['SMTP', 'EHLO client\r\n'],
    ['a verb nobody registered', 'FETCH /x HTTP/1.1\r\n'],
    ['a preface that goes wrong at its end', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\rX'],
    ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f'],
    ['lower case, which is no registered method', 'get / HTTP/1.1\r\n'],
    ['more letters than any method has', 'GETGETGETGETGETGETGET /'],
  ])('takes %s for TCP', (_name, text) => {
    expect(detect(Buffer.from(text, 'latin1'))).toBe('tcp');
  });

  it('waits while the bytes are a prefix of the HTTP/2 preface', () => {
    for (let length = 0; length < PREFACE.length; length++) {
      expect(detect(Buffer.from(PREFACE.slice(0, length)))).toBe('more');
    }
  });

  it.each(METHODS.filter((method) => method !== 'CONNECT'))('waits through %s until the target begins', (method) => {
    for (let length = 1; length <= method.length; length++)
      expect(detect(Buffer.from(method.slice(0, length)))).toBe('more');

    expect(detect(Buffer.from(`${method} `))).toBe('more');
    expect(detect(Buffer.from(`${method} /`))).toBe('http1');
    expect(detect(Buffer.from(`${method} ht`))).toBe('more');
  });

  it('decides by the bytes alone, wherever they lie in their buffer', () => {
    const backing = Buffer.from(`xxxxGET / HTTP/1.1`);

    expect(detect(backing.subarray(4))).toBe('http1');
  });
});

describe('detectHttp', () => {
  it.each([
    [PREFACE, 'http2'],
    ['PRI * HTTP/2.0\r\n', 'more'],
    ['', 'more'],
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['PRIVATE / HTTP/1.1\r\n', 'http1'],
    ['EHLO client\r\n', 'http1'],
  ])('takes %j for %s', (text, expected) => {
    expect(detectHttp(Buffer.from(text))).toBe(expected);
  });
});
