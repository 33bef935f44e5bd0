/** How V8 is told what the memory of a proxy is like. Process-wide: a program's to decide, never a library's. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called first thing, before any code is optimized.
 *
 * V8 counts which allocations survive young collections and puts those into the old generation at once, for as long as
 * the process lives. In a proxy that is a bad guess: whatever belongs to a tunnel lives exactly as long as the tunnel,
 * and a few that were open for long when V8 looked are no promise about the next. From then on streams and buffers of
 * short tunnels were left to full collections, and kept alive what they point to (1.2 times the CPU for new tunnels and
 * for bulk; docs/performance.md). A proxy on node:http2 is neither better nor worse for it.
 */
export function expectShortLives(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
