type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The document with every schema that has a title moved to `components.schemas` and referred to, so that a reader, and a generator of clients,
 * meets each shape once.
 */
export function withComponents<Document extends object>(document: Document): Document {
  const schemas: Record<string, Json> = {};
  const hoist = (value: Json, isRoot: boolean): Json => {
    if (Array.isArray(value)) return value.map((item) => hoist(item, false));
    if (typeof value !== 'object' || value === null) return value;
    const moved = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, hoist(child, false)]));
    const { title } = value as { title?: Json };
    if (isRoot || typeof title !== 'string' || !isSchema(value)) return moved;
    schemas[title] = moved;
    return { $ref: `#/components/schemas/${title}` };
  };
  const plain: Json = JSON.parse(JSON.stringify(document));
  const hoisted = hoist(plain, true) as Record<string, Json>;
  const components = { ...(hoisted.components as Record<string, Json> | undefined), schemas: sorted(schemas) };
  return { ...hoisted, components } as unknown as Document;
}

function isSchema(value: object): boolean {
  return 'type' in value || 'anyOf' in value;
}

function sorted(schemas: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => a.localeCompare(b)));
}
