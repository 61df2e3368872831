import type { KeysView } from '../wire.ts';

/**
 * The keys as Flask reads them from the environment (`app.config.from_prefixed_env()`): the current key signs; the others only verify.
 * The next key is among the fallbacks, because instances that are ahead sign with it already.
 */
export function keysAsEnvironment({ current, next, previous }: KeysView): string {
  const fallbacks = [...(next === null ? [] : [next]), ...previous].map(({ key }) => key);
  return `FLASK_SECRET_KEY=${quoted(current.key)}\nFLASK_SECRET_KEY_FALLBACKS=${quoted(JSON.stringify(fallbacks))}\n`;
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
