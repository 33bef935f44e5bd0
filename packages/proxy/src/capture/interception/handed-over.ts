/**
 * Listening sockets that were opened by whoever started this process, as systemd hands them over (sd_listen_fds): from
 * descriptor 3 on, counted by LISTEN_FDS, named by LISTEN_FDNAMES, meant for the process LISTEN_PID. Pure.
 */

/** Names that are understood; in a systemd socket unit, FileDescriptorName=. */
export const HANDED_OVER_NAMES = ['outbound', 'inbound-plaintext'] as const;
export type HandedOverName = (typeof HANDED_OVER_NAMES)[number];
/** Descriptors by name: one for each address, perhaps. */
export type HandedOver = Partial<Readonly<Record<HandedOverName, readonly number[]>>>;

type Environment = Readonly<Record<string, string | undefined>>;

const FIRST = 3;

/** Throws when sockets were handed over that nobody here knows what to do with. */
export function handedOver(env: Environment, pid: number): HandedOver {
  if (env.LISTEN_PID === undefined || Number(env.LISTEN_PID) !== pid) return {};
  const count = Number(env.LISTEN_FDS ?? 0);
  const names = (env.LISTEN_FDNAMES ?? '').split(':');
  const found: Partial<Record<HandedOverName, readonly number[]>> = {};
  for (let index = 0; index < count; index += 1) {
    const name = HANDED_OVER_NAMES.find((known) => known === names[index]);
    if (!name) {
      throw new Error(
        `LISTEN_FDNAMES: socket ${index + 1} of ${count} is named "${names[index] ?? ''}"; ${HANDED_OVER_NAMES.join(' and ')} may be handed over (FileDescriptorName= in the socket unit)`,
      );
    }
    found[name] = [...(found[name] ?? []), FIRST + index];
  }
  return found;
}
