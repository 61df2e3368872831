import type { KeysView } from '../wire.ts';

/**
 * The keys as Flask reads them from the environment (`app.config.from_prefixed_env()`): oldest first, then the next one, and the current one last and once
 * more. Flask 3.1.0 and some extensions sign with the last fallback (CVE-2025-47278), which is then the right one; and a reader that sees the key of one
 * moment and the fallbacks of another still has them all.
 */
export function keysAsEnvironment({ current, next, previous }: KeysView): string {
  const fallbacks = [...previous.toReversed(), ...(next === null ? [] : [next]), current].map(({ key }) => key);
  return `FLASK_SECRET_KEY=${quoted(current.key)}\nFLASK_SECRET_KEY_FALLBACKS=${quoted(JSON.stringify(fallbacks))}\n`;
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
