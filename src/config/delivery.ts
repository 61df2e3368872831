import { constants } from 'node:os';
import { type OnChange, type Owner, SOURCES, type Source, type Variable } from '../ports/sidecar.ts';

/** How the ways of handing keys to programs are written, in options and in the agent's file. Each gives null for what is none. */

export const VARIABLE_PATTERN = '^[A-Za-z_][A-Za-z0-9_]{0,127}$';
/** Others get nothing: neither of a file nor of a socket. */
export const FILE_MODE_PATTERN = '^0[46][046]0$';
export const SOCKET_MODE_PATTERN = '^06[06]0$';
export const OWNER_PATTERN = '^(?:\\d{1,10}:\\d{1,10}|\\d{1,10}|:\\d{1,10})$';

/** `NAME=source`. */
export function parseVariable(text: string): Variable | null {
  const [name = '', source = '', ...rest] = text.split('=');
  return rest.length === 0 && new RegExp(VARIABLE_PATTERN).test(name) && isSource(source) ? { name, source } : null;
}

/** Of a text that was checked; anything else would be every key, never one alone. */
export function toSource(text: string): Source {
  return isSource(text) ? text : 'all';
}

function isSource(text: string): text is Source {
  return SOURCES.some((source) => source === text);
}

/** Whether a program that is given this holds every key: otherwise it rejects what other instances sign. */
export function isWhole(sources: readonly Source[]): boolean {
  return sources.some((source) => source === 'all' || source === 'current-first');
}

/** `restart` or `signal:NAME`; SIGKILL and SIGSTOP reach no program. */
export function parseOnChange(text: string): OnChange | null {
  if (text === 'restart') return { kind: 'restart' };
  const signal = text.startsWith('signal:') ? text.slice('signal:'.length) : '';
  return isSignal(signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP' ? { kind: 'signal', signal } : null;
}

function isSignal(text: string): text is NodeJS.Signals {
  return Object.hasOwn(constants.signals, text);
}

/** `0640`. */
export function parseMode(text: string): number {
  return Number.parseInt(text, 8);
}

/** `user:group`, `user` or `:group`, in numbers. */
export function parseOwner(text: string): Owner {
  const [user = '', group = ''] = text.split(':');
  return { user: user === '' ? null : Number(user), group: group === '' ? null : Number(group) };
}
