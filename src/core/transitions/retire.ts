import type { Keyring } from '../keyring.ts';
import { type Context, changed, instantOfChange } from './transition.ts';

/** Records that the material of versions is destroyed: the last step of a version's life. */
export function markDestroyed(keyring: Keyring, numbers: ReadonlySet<number>, given: Context): Keyring {
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const versions = keyring.versions.map((version) =>
    numbers.has(version.version) && version.destroyedAt === null ? { ...version, destroyedAt: context.now } : version,
  );
  return changed(keyring, context, { versions });
}
