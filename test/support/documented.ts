import { Compile, type Validator } from 'typebox/compile';
import { type OpenApiDocument, type Operation, operationsOf, resolved } from './openapi.ts';
import type { Called, TestService } from './service.ts';

export interface Answered {
  readonly method: string;
  readonly url: string;
  readonly called: Called;
}

/** Holds real answers of the service against its own document. */
export interface Documented {
  /** Where the answer departs from the document; empty = nowhere. */
  faults(answered: Answered): string[];
  /** `GET /v1/keyrings/{name} 200`, for each answer that was looked at. */
  readonly seen: ReadonlySet<string>;
  /** The same of each answer that the document promises. */
  readonly promised: readonly string[];
}

export async function documented({ call }: TestService): Promise<Documented> {
  const document: OpenApiDocument = (await call({ url: '/openapi.json', token: null })).body;
  const operations = operationsOf(document).map(([where, operation]) => ({ where, operation, matches: matcherOf(where) }));
  const shapes = new Map<unknown, Validator>();
  const seen = new Set<string>();
  const shapeOf = (schema: unknown): Validator => {
    const known = shapes.get(schema) ?? Compile(resolved(document, schema));
    shapes.set(schema, known);
    return known;
  };
  const faults = ({ method, url, called }: Answered): string[] => {
    const found = operations.find(({ matches }) => matches(method, url.split('?')[0] ?? ''));
    if (found === undefined) return [`${method} ${url} is not in the document`];
    seen.add(`${found.where} ${called.status}`);
    return answerFaults(found.operation, called, shapeOf).map((fault) => `${found.where} ${called.status}: ${fault}`);
  };
  const promised = operations.flatMap(({ where, operation }) => Object.keys(operation.responses).map((status) => `${where} ${status}`));
  return { faults, seen, promised };
}

function answerFaults(
  { responses }: Operation,
  { status, headers, body, text }: Called,
  shapeOf: (schema: unknown) => Validator,
): string[] {
  const response = responses[status];
  if (response === undefined) return ['the status is not in the document'];
  const undeclared = Object.keys(response.headers ?? {}).filter(
    (name) => !OPTIONAL_HEADERS.has(name) && headers[name.toLowerCase()] === undefined,
  );
  const missing = undeclared.map((name) => `the header ${name} is missing`);
  if (response.content === undefined) return text === '' ? missing : [...missing, 'there is a body'];
  const type = headers['content-type']?.split(';')[0] ?? '';
  const media = response.content[type];
  if (media === undefined) return [...missing, `${type} is not in the document`];
  const [fault] = shapeOf(media.schema).Errors(body ?? text);
  return fault === undefined ? missing : [...missing, `${fault.instancePath} ${fault.message}`];
}

/** Documented as sent where it makes sense. */
const OPTIONAL_HEADERS: ReadonlySet<string> = new Set(['Retry-After', 'Link']);

function matcherOf(where: string): (method: string, path: string) => boolean {
  const [method, path = ''] = where.split(' ');
  const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
  return (given, url) => given === method && pattern.test(url);
}
