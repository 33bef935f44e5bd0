/**
 * Seconds of CPU that this process has used, all its threads. Not the time on the clock: on a busy machine that is mostly
 * the time of others (a load of 15 on two cores moved ratios by a factor of 10; by CPU time they stand).
 */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
