/** The part of the WebAssembly JavaScript API used here; neither ES2023 nor the Node types declare it. */
declare namespace WebAssembly {
  const validate: (bytes: Uint8Array) => boolean;
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module';
  }
  const Module: {
    new (bytes: Uint8Array): Module;
    exports(module: Module): readonly { readonly name: string }[];
    imports(module: Module): readonly { readonly name: string }[];
  };
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  const Memory: new (limits: { initial: number; maximum: number }) => Memory;
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  const Instance: new (module: Module, imports: Record<string, Record<string, unknown>>) => Instance;
}
