import { readFileSync } from 'node:fs';
import t from 'tap';
import { Compile } from 'typebox/compile';
import { Errors } from 'typebox/value';
import { ERROR_CODES } from '../../../src/core/errors.ts';
import { problemsPage } from '../../../src/http/openapi/problems-page.ts';
import { openapiYaml } from '../../../src/http/openapi/yaml.ts';
import { PROBLEMS } from '../../../src/http/problem.ts';
import { mediaOf, OpenApiDocument, operationsOf, resolved, SchemaObject, schemasOf } from '../../support/openapi.ts';
import { startTestService } from '../../support/service.ts';

const { app, call } = await startTestService(t);
const served = (await call({ url: '/openapi.json', token: null })).body;

t.test('the checked-in files are what the routes and the codes make: otherwise npm run openapi', async (t) => {
  t.ok(readFileSync('openapi.yaml', 'utf8') === openapiYaml(app), 'openapi.yaml');
  t.ok(readFileSync('docs/problems.md', 'utf8') === problemsPage(), 'docs/problems.md');
});

t.same(Errors(OpenApiDocument, served), [], 'the document is OpenAPI 3.1');
const document: OpenApiDocument = served;
const operations = operationsOf(document);

t.test('every schema is one, in keywords of JSON Schema 2020-12, and refers to what exists', async (t) => {
  for (const [where, schema] of schemasOf(document)) {
    t.same(Errors(SchemaObject, schema), [], where);
    const {
      $ref,
      pattern,
      required = [],
      properties = {},
    } = schema as { $ref?: string; pattern?: string; required?: string[]; properties?: object };
    if ($ref !== undefined) t.hasOwnProp(document.components.schemas, $ref.replace('#/components/schemas/', ''), where);
    if (pattern !== undefined) t.doesNotThrow(() => new RegExp(pattern, 'u'), where);
    t.ok(
      required.every((name) => name in properties),
      `${where}: what is required is described`,
    );
  }
});

t.test('every operation has a name of its own, a tag that exists, and parameters that its path has', async (t) => {
  t.ok(operations.length >= 16);
  t.equal(new Set(operations.map(([, { operationId }]) => operationId)).size, operations.length);
  for (const [where, { tags, parameters = [] }] of operations) {
    t.ok(
      tags.every((tag) => document.tags.some(({ name }) => name === tag)),
      where,
    );
    const named = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
    t.same(where.match(/\{\w+\}/g) ?? [], named, where);
    const names = parameters.map(({ name, in: place }) => `${place} ${name}`);
    t.equal(new Set(names).size, names.length, where);
  }
});

t.test('every operation says who may call it and how it fails', async (t) => {
  for (const [where, { security = [], responses, requestBody }] of operations) {
    const isOpen = security.length === 0 || security.some((one) => one.token === undefined);
    t.equal(isOpen, !where.includes('/v1/'), where);
    if (!isOpen)
      t.ok(
        security.every(({ token = [] }) => token.length === 1),
        `${where} names a role`,
      );
    const statuses = Object.keys(responses);
    const expected = isOpen ? ['500', '503'] : ['400', '401', '403', '429', '500', '503'];
    for (const status of [...expected, ...(requestBody === undefined ? [] : ['413', '415'])])
      t.ok(statuses.includes(status), `${where} ${status}`);
    for (const status of statuses.filter((status) => status >= '400')) {
      t.hasOwnProp(responses[status]?.content ?? {}, 'application/problem+json', `${where} ${status}`);
    }
  }
});

t.test('every body has an example, and every example fits its schema', async (t) => {
  for (const [where, operation] of operations) {
    for (const [media, { schema, example, examples = {} }] of mediaOf(operation)) {
      const shape = Compile(resolved(document, schema));
      const given = [example, ...Object.values(examples).map(exampleValue), ...ownExamples(schema)].filter((value) => value !== undefined);
      t.ok(given.length > 0, `${where} ${media} has an example`);
      for (const value of given) t.same(shape.Errors(value), [], `${where} ${media}`);
    }
    for (const { name, schema, example } of operation.parameters ?? []) {
      if (example !== undefined) t.same(Compile(resolved(document, schema)).Errors(example), [], `${where} ${name}`);
    }
  }
  for (const [where, schema] of schemasOf(document)) {
    for (const value of ownExamples(schema)) t.same(Compile(resolved(document, schema)).Errors(value), [], where);
  }
});

t.test('the examples of a failure are of its status', async (t) => {
  for (const [where, { responses }] of operations) {
    for (const [status, { content = {} }] of Object.entries(responses)) {
      for (const code of Object.keys(content['application/problem+json']?.examples ?? {})) {
        t.equal(String(PROBLEMS[code as keyof typeof PROBLEMS][0]), status, `${where} ${code}`);
      }
    }
  }
  t.same(Object.keys(document.components.examples).sort(), [...ERROR_CODES].sort());
});

function exampleValue(example: unknown): unknown {
  if (typeof example !== 'object' || example === null) return undefined;
  if ('$ref' in example) return document.components.examples[String(example.$ref).replace('#/components/examples/', '')]?.value;
  return 'value' in example ? example.value : undefined;
}

/** Those of the schema itself or of the component it refers to. */
function ownExamples(schema: unknown): readonly unknown[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if ('$ref' in schema) return ownExamples(document.components.schemas[String(schema.$ref).replace('#/components/schemas/', '')]);
  return 'examples' in schema && Array.isArray(schema.examples) ? schema.examples : [];
}
