/**
 * A body as lines, as they come. What follows the last line feed is half an object and is dropped: a watch that goes on
 * from the last whole one is sent it again. Bounded by the longest line.
 */
import { StringDecoder } from 'node:string_decoder';

/** etcd takes objects of 1.5 MiB; as JSON and with managed fields they are longer. */
const MAX_LINE_CHARS = 8 * 1024 * 1024;

/** Rejects when a line is too long, and with the error of the body. */
export async function* readLines(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest: string[] = [];
  let restChars = 0;
  for await (const chunk of body) {
    const parts = decoder.write(chunk).split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      const line = rest.join('') + part;
      rest = [];
      restChars = 0;
      if (line.trim() !== '') yield line;
    }
    rest.push(last);
    restChars += last.length;
    if (restChars > MAX_LINE_CHARS) throw new RangeError(`a line is longer than ${MAX_LINE_CHARS} characters`);
  }
}
