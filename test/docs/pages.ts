import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Page {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
}

export interface Fence {
  /** What stands behind the opening backticks: `console`, `yaml`, or nothing. */
  readonly language: string;
  readonly lines: readonly string[];
}

const ELSEWHERE = new Set(['node_modules', '.git', '.tap', 'dist', '.venv', '.pytest_cache']);
const FENCE = /^[ ]*```(\w*)\n([\s\S]*?)^[ ]*```$/gm;

/** Every file with this ending under a folder of the project. */
export function pagesIn(folder: string, ending: string): Page[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ELSEWHERE.has(entry.name) ? [] : pagesIn(path, ending);
    return entry.name.endsWith(ending) ? [{ path, text: readFileSync(path, 'utf8') }] : [];
  });
}

export function fencesOf({ text }: Page): Fence[] {
  return [...text.matchAll(FENCE)].map(([, language = '', body = '']) => ({ language, lines: body.replaceAll('\\\n', ' ').split('\n') }));
}

/** The texts between single backticks. */
export function spansOf({ text }: Page): string[] {
  return [...text.replaceAll(FENCE, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll(/\s+/g, ' '));
}

/** The links of a page that lead nowhere: to a file that is not there, or to a heading that its page does not have. */
export function brokenLinks(page: Page): string[] {
  const prose = page.text.replaceAll(FENCE, '').replaceAll(/`[^`]*`/g, '`code`');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target));
}

function leadsSomewhere({ path, text }: Page, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const goal = file === '' ? path : join(dirname(path), file);
  if (!existsSync(goal)) return false;
  return anchor === undefined || anchorsOf(file === '' ? text : readFileSync(goal, 'utf8')).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replaceAll(FENCE, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/\]\([^)]*\)/g, '')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
