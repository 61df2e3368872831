import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { Fault } from '../core/errors.ts';
import type { Failure } from './failure.ts';
import { plain } from './render/plain.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';
export type Paint = (style: Style, text: string) => string;

/** Colours for one stream: none unless it is a terminal; `NO_COLOR` and a terminal without colours are heeded by `styleText`. */
export function paintFor(stream: Writable, isTerminal: boolean): Paint {
  return (style, text) => (isTerminal ? styleText(style, text, { stream }) : text);
}

/** What goes to stderr when a command fails. */
export function failureText(failure: Failure): string {
  const traces = [
    failure.code === null ? null : `code: ${plain(failure.code)}`,
    failure.requestId === null ? null : `request: ${plain(failure.requestId)}`,
  ].filter((trace) => trace !== null);
  const lines = [
    `keyturn: ${plain(failure.message)}`,
    ...unsaid(failure).map(({ path, message }) => `  - ${plain(path)} ${plain(message)}`),
    ...(traces.length === 0 ? [] : [`  ${traces.join(' · ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The faults that the message does not hold already. */
function unsaid({ message, faults }: Failure): readonly Fault[] {
  return faults.filter((fault) => !message.includes(`${fault.path} ${fault.message}`));
}
