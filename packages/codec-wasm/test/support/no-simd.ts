/** Stands in for src/simd.ts where the suite runs on the scalar build: an engine without SIMD. */
export function hasSimd(): boolean {
  return false;
}
