type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is under these is data and not schema. */
const DATA: ReadonlySet<string> = new Set(['example', 'examples', 'enum', 'const', 'default']);

/**
 * The document with every schema that has a title moved to `components.schemas` and referred to, so that a reader, and a generator of clients,
 * meets each shape once; and with bodies that may be left out, because nothing in them is required, marked so.
 */
export function withComponents<Document extends object>(document: Document): Document {
  const schemas: Record<string, Json> = {};
  const hoist = (value: Json, isRoot: boolean): Json => {
    if (Array.isArray(value)) return value.map((item) => hoist(item, false));
    if (typeof value !== 'object' || value === null) return value;
    const moved = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, DATA.has(key) ? child : hoist(child, false)]));
    const { title } = value as { title?: Json };
    if (isRoot || typeof title !== 'string' || !isSchema(value)) return isRoot ? moved : withOptionalBody(moved, schemas);
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

type OperationLike = { requestBody?: { content?: { 'application/json'?: { schema?: { $ref?: string } } } } };

function withOptionalBody(value: Record<string, Json>, schemas: Record<string, Json>): Record<string, Json> {
  const { requestBody } = value as OperationLike;
  const name = requestBody?.content?.['application/json']?.schema?.$ref?.split('/').at(-1);
  if (requestBody === undefined || name === undefined || 'required' in (schemas[name] as object)) return value;
  return { ...value, requestBody: { ...(requestBody as Record<string, Json>), required: false } };
}

function sorted(schemas: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}
