import type { Key, Snapshot } from '../../clients/node/src/index.ts';
import type { Source, Template, Variable } from '../ports/sidecar.ts';

/** The text that a source stands for. One of two places where keys become text; the other is `served-keys.ts`. */
export function valueFrom(source: Source, snapshot: Snapshot): string {
  if (source === 'all') return JSON.stringify(snapshot.signingLast.map(({ key }) => key));
  if (source === 'current-first') return JSON.stringify(snapshot.signingFirst.map(({ key }) => key));
  const { key } = snapshot.current;
  return source === 'flask' && isJson(key) ? JSON.stringify(key) : key;
}

export function environmentOf(variables: readonly Variable[], snapshot: Snapshot): Record<string, string> {
  return Object.fromEntries(variables.map(({ name, source }) => [name, valueFrom(source, snapshot)]));
}

/** What a file holds. */
export function textOf(template: Template, snapshot: Snapshot): string {
  if (template.kind === 'raw') return valueFrom(template.source, snapshot);
  if (template.kind === 'json') return `${JSON.stringify(keysObject(snapshot))}\n`;
  return template.variables.map(({ name, source }) => `${name}=${quoted(valueFrom(source, snapshot))}\n`).join('');
}

/** The lists are there so that nobody has to know in which order a library wants them. */
function keysObject(snapshot: Snapshot): object {
  const { name, current, next, previous } = snapshot;
  const texts = (keys: readonly Key[]) => keys.map(({ key }) => key);
  const whole = ({ version, key }: Key) => ({ version, key });
  return {
    name,
    current: whole(current),
    next: next === null ? null : whole(next),
    previous: previous.map(whole),
    signingLast: texts(snapshot.signingLast),
    signingFirst: texts(snapshot.signingFirst),
  };
}

/** A key of digits alone would become a number. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
