/** What the benchmarks use of hpack.js, which brings no types. */
declare module 'hpack.js' {
  interface TableOptions {
    readonly table: { readonly maxSize: number; readonly lookupDepth?: number };
  }
  interface Compressor {
    write(fields: { name: string; value: string; incremental?: boolean; huffman?: boolean }[]): boolean;
    read(): Uint8Array | null;
  }
  interface Decompressor {
    write(block: Uint8Array): boolean;
    execute(): void;
    read(): { readonly name: string; readonly value: string; readonly neverIndex: boolean } | null;
  }
  const hpack: {
    readonly compressor: { create(options: TableOptions): Compressor };
    readonly decompressor: { create(options: TableOptions): Decompressor };
  };
  export default hpack;
}
