import Table from 'cli-table3';
import type { Paint } from '../ui.ts';
import { plain } from './plain.ts';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns under bold headings, without lines, so that rows stay easy to cut and to paste. Ends with a newline. */
export function table(paint: Paint, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    chars: NO_LINES,
    head: head.map((title) => paint('bold', title)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  drawn.push(...rows.map((row) => row.map(plain)));
  return `${withoutTrailingBlanks(drawn.toString())}\n`;
}

/** Facts, one a line, their names in one column. Ends with a newline. */
export function facts(paint: Paint, pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}  ${plain(value)}\n`).join('');
}

function withoutTrailingBlanks(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
