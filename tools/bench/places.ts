/** Where the benchmarks find and leave things. All relative to the repository: the compiled file stands in bench/dist. */
const ROOT = new URL('../../../', import.meta.url);

export const SUITE = new URL('packages/codec-wasm/bench/dist/cases/index.js', ROOT);
export const XDS_SUITE = new URL('packages/control-plane/bench/dist/bench/cases.js', ROOT);
export const NATIVE_SUITE = new URL('packages/codec-wasm/bench/dist/native.js', ROOT);
export const NATIVE_SOURCE = new URL('tools/bench/native/nghttp2.c', ROOT);
export const BASELINE = new URL('packages/codec-wasm/bench/baseline.json', ROOT);
export const PAGE = new URL('docs/performance.md', ROOT);
