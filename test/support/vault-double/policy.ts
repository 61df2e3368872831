interface Rule {
  readonly pattern: string;
  readonly capabilities: ReadonlySet<string>;
}

export type Policy = readonly Rule[];

export const ROOT: Policy = [{ pattern: '*', capabilities: new Set(['create', 'read', 'update', 'delete', 'list']) }];

/** The part of the policy language that our documented policy uses: paths with `+` for a segment and `*` at the end, and capabilities. */
export function parsePolicy(hcl: string): Policy {
  const rules = hcl.replace(/#.*$/gm, '').matchAll(/path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}/g);
  return [...rules].map(([, pattern = '', list = '']) => ({
    pattern,
    capabilities: new Set([...list.matchAll(/"([a-z]+)"/g)].map(([, word = '']) => word)),
  }));
}

/** The most specific rule decides: the one with the longest text before its first wildcard. */
export function allows(policies: readonly Policy[], path: string, capability: string): boolean {
  const matching = policies.flat().filter((rule) => toPattern(rule.pattern).test(path));
  const longest = Math.max(-1, ...matching.map(specificity));
  return matching.some((rule) => specificity(rule) === longest && rule.capabilities.has(capability));
}

function specificity({ pattern }: Rule): number {
  const wildcard = pattern.search(/[+*]/);
  return wildcard < 0 ? pattern.length + 1 : wildcard;
}

function toPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.?^${}()|[\]\\-]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\+/g, '[^/]+').replace(/\*$/, '.*')}$`);
}
