/**
 * Baggage parsed by hand in JavaScript, as somebody careful would: one pass of indexOf, keys told apart by length before
 * they are compared, one slice per value, and escapes, spaces and properties looked for only where they can be. Makes no
 * array of members and no string that nobody asked for.
 */
export class BaggageParser {
  readonly #keysByLength: { readonly key: string; readonly index: number }[][] = [];
  readonly #count: number;

  constructor(keys: readonly string[]) {
    this.#count = keys.length;
    keys.forEach((key, index) => {
      const row = this.#keysByLength[key.length] ?? [];
      row.push({ key, index });
      this.#keysByLength[key.length] = row;
    });
  }

  /** Values in the order of the keys; undefined for what is absent or empty. */
  parse(text: string): (string | undefined)[] {
    const values = new Array<string | undefined>(this.#count).fill(undefined);
    const isPlain = text.indexOf('%') < 0 && text.indexOf(';') < 0 && text.indexOf(' ') < 0 && text.indexOf('\t') < 0;
    for (let start = 0; start < text.length; ) {
      const comma = text.indexOf(',', start);
      const end = comma < 0 ? text.length : comma;
      const equals = text.indexOf('=', start);
      if (equals > 0 && equals < end) {
        if (isPlain) this.#takePlain(values, text, start, equals, end);
        else this.#takeAny(values, text.slice(start, equals).trim(), text.slice(equals + 1, end));
      }
      start = end + 1;
    }
    return values;
  }

  #takePlain(values: (string | undefined)[], text: string, start: number, equals: number, end: number): void {
    const row = this.#keysByLength[equals - start];
    if (row === undefined) return;
    for (const { key, index } of row) {
      if (!text.startsWith(key, start)) continue;
      values[index] = equals + 1 < end ? text.slice(equals + 1, end) : undefined;
      return;
    }
  }

  #takeAny(values: (string | undefined)[], name: string, rest: string): void {
    const semicolon = rest.indexOf(';');
    const raw = (semicolon < 0 ? rest : rest.slice(0, semicolon)).trim();
    const found = this.#keysByLength[name.length]?.find(({ key }) => key === name);
    if (found === undefined) return;
    values[found.index] = raw === '' ? undefined : unescapeValue(raw);
  }
}

function unescapeValue(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}
