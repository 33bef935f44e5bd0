/** Capacity of workloads taken together. It travels as 32 bits; a sum that does not fit is as good as the most that does. */
const MAX_CAPACITY = 2 ** 32 - 1;

export function addCapacity(a: number, b: number): number {
  return Math.min(MAX_CAPACITY, a + b);
}
