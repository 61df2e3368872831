import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every TypeScript file under `src`, as `src/…` with slashes. */
export function sourceFiles(): string[] {
  return globSync('src/**/*.ts', { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
}

export function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The source without its comments. Strings stay; none of ours holds what begins a comment but URLs, which are kept. */
export function codeOf(file: string): string {
  return readSource(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`/])\/\/.*$/gm, '$1');
}

export interface Import {
  /** `src/…` for a file of ours, else the specifier as written, of a package only its name. */
  readonly target: string;
  /** By `import()`, when it is first needed. */
  readonly lazy: boolean;
  /** Types only: gone when the program runs. */
  readonly typeOnly: boolean;
}

const STATIC = /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{][^;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const LAZY = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const fixed = [...code.matchAll(STATIC)].map(([, type, from = '']) => ({
    target: resolve(file, from),
    lazy: false,
    typeOnly: type !== undefined,
  }));
  const lazy = [...code.matchAll(LAZY)].map(([, from = '']) => ({ target: resolve(file, from), lazy: true, typeOnly: false }));
  return [...fixed, ...lazy];
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier)).replaceAll('\\', '/');
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
