import { type Document, isAlias, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import type { Fault } from '../core/errors.ts';
import { isMapping, type Mapping } from './shape.ts';

/** What a config file holds, or why it cannot be read. */
export interface ParsedFile {
  readonly tree: Mapping;
  readonly faults: readonly Fault[];
}

const MAX_LENGTH = 1_048_576;

/** The library's own messages quote the file, and the file may hold a secret in the wrong place: so ours. */
const WORDS: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'this field is given twice',
  TAB_AS_INDENT: 'is indented with a tab: use spaces',
  BAD_INDENT: 'is not indented like its neighbours, or a bracket is not closed',
  MISSING_CHAR: 'a character is missing: a quote, a bracket or a colon',
  MULTIPLE_DOCS: 'a second document begins: keep one',
  NON_STRING_KEY: 'a field name must be a text',
  TAG_RESOLVE_FAILED: 'tags (words that begin with !) are not understood here',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon: put a text that holds a colon in quotes',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
};

/** Reads one YAML 1.2 mapping. Aliases are refused: the file needs none, and a few lines of them can unfold into gigabytes. */
export function parseYaml(text: string, file: string): ParsedFile {
  if (text.length > MAX_LENGTH) return broken([{ path: file, message: 'is longer than a megabyte' }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, stringKeys: true, schema: 'core', logLevel: 'error' });
  const at = (offset: number, message: string): Fault => ({ path: `${file}:${lines.linePos(offset).line}`, message });
  const problems = [...document.errors, ...document.warnings];
  const faults = problems.map(({ code, pos }) => at(pos[0], WORDS[code] ?? 'is not valid YAML'));
  const aliases = aliasesOf(document).map((offset) => at(offset, 'aliases (words that begin with *) are not understood here'));
  if (faults.length + aliases.length > 0) return broken([...faults, ...aliases]);
  const tree: unknown = document.toJS({ maxAliasCount: 0 }) ?? {};
  return isMapping(tree) ? { tree, faults: [] } : broken([{ path: file, message: 'must be a mapping of settings at its top level' }]);
}

function broken(faults: Fault[]): ParsedFile {
  return { tree: {}, faults };
}

function aliasesOf(document: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(document, (_, node) => {
    if (isAlias(node)) offsets.push(node.range?.[0] ?? 0);
  });
  return offsets;
}
