import Type from 'typebox';

/**
 * OpenAPI 3.1.0, the part of it that a service like this needs, closed: what is not here is either a slip or a reason to look into the
 * specification and extend this. Schema objects are checked apart (`SchemaObject`), as JSON Schema 2020-12.
 */
const closed = { additionalProperties: false };
const optional = Type.Optional;
const text = Type.String({ minLength: 1 });
const anything = Type.Unknown();
const map = <Value extends Type.TSchema>(value: Value, key = '^.+$') => Type.Record(Type.String({ pattern: key }), value, closed);

const Reference = Type.Object({ $ref: Type.String({ pattern: '^#/components/(schemas|examples)/[A-Za-z0-9._-]+$' }) }, closed);
const Example = Type.Object({ summary: optional(text), description: optional(text), value: anything }, closed);
const Examples = map(Type.Union([Reference, Example]), '^[A-Za-z0-9._-]+$');
const Header = Type.Object(
  { description: text, required: optional(Type.Boolean()), schema: anything, example: optional(anything) },
  closed,
);
const MediaType = Type.Object({ schema: anything, example: optional(anything), examples: optional(Examples) }, closed);
const Content = map(MediaType, '^[a-z]+/[a-z+-]+$');
const Response = Type.Object({ description: text, headers: optional(map(Header)), content: optional(Content) }, closed);

const Parameter = Type.Object(
  {
    name: text,
    in: Type.Union(['query', 'header', 'path', 'cookie'].map((place) => Type.Literal(place))),
    description: optional(text),
    required: Type.Boolean(),
    schema: anything,
    example: optional(anything),
  },
  closed,
);

const SecurityRequirement = Type.Object({ token: optional(Type.Array(text)) }, closed);

export const Operation = Type.Object(
  {
    operationId: Type.String({ pattern: '^[a-z][A-Za-z]+$' }),
    summary: text,
    description: optional(text),
    tags: Type.Array(text, { minItems: 1 }),
    parameters: optional(Type.Array(Parameter)),
    requestBody: optional(Type.Object({ description: optional(text), required: optional(Type.Boolean()), content: Content }, closed)),
    responses: map(Response, '^[1-5][0-9][0-9]$'),
    security: optional(Type.Array(SecurityRequirement)),
  },
  closed,
);

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const PathItem = Type.Partial(Type.Object(Object.fromEntries(METHODS.map((method) => [method, Operation]))), closed);

export const OpenApiDocument = Type.Object(
  {
    openapi: Type.Literal('3.1.0'),
    info: Type.Object(
      {
        title: text,
        version: text,
        summary: optional(text),
        description: optional(text),
        license: optional(Type.Object({ name: text, identifier: optional(text) }, closed)),
      },
      closed,
    ),
    servers: Type.Array(Type.Object({ url: text, description: optional(text) }, closed)),
    tags: Type.Array(Type.Object({ name: text, description: optional(text) }, closed)),
    security: Type.Array(SecurityRequirement),
    paths: map(PathItem, '^/'),
    components: Type.Object(
      {
        schemas: map(anything, '^[A-Za-z0-9._-]+$'),
        examples: map(Example, '^[A-Za-z0-9._-]+$'),
        securitySchemes: map(Type.Object({ type: Type.Literal('http'), scheme: text, description: optional(text) }, closed)),
      },
      closed,
    ),
  },
  closed,
);

export type OpenApiDocument = Type.Static<typeof OpenApiDocument>;
export type Operation = Type.Static<typeof Operation>;

const types = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'].map((type) => Type.Literal(type));
const count = Type.Integer({ minimum: 0 });

/** One level of a schema object: its keywords, with the values they may have. */
export const SchemaObject = Type.Object(
  {
    $ref: optional(Type.String({ pattern: '^#/components/schemas/[A-Za-z0-9._-]+$' })),
    type: optional(Type.Union(types)),
    title: optional(text),
    description: optional(text),
    enum: optional(Type.Array(anything, { minItems: 1 })),
    const: optional(anything),
    format: optional(text),
    pattern: optional(text),
    minLength: optional(count),
    maxLength: optional(count),
    minimum: optional(Type.Number()),
    maximum: optional(Type.Number()),
    minItems: optional(count),
    maxItems: optional(count),
    uniqueItems: optional(Type.Boolean()),
    items: optional(anything),
    properties: optional(map(anything)),
    required: optional(Type.Array(text)),
    additionalProperties: optional(Type.Boolean()),
    anyOf: optional(Type.Array(anything, { minItems: 1 })),
    examples: optional(Type.Array(anything)),
  },
  closed,
);

type Schema = { readonly [keyword: string]: unknown };

/** The schemas directly inside one. */
export function subschemas(schema: Schema): Schema[] {
  const { items, properties = {}, anyOf = [] } = schema as { items?: Schema; properties?: Record<string, Schema>; anyOf?: Schema[] };
  return [...(items === undefined ? [] : [items]), ...Object.values(properties), ...anyOf];
}

/** Every schema object in the document, with where it is. */
export function* schemasOf(document: OpenApiDocument): Generator<[where: string, schema: Schema]> {
  const within = function* (where: string, schema: Schema): Generator<[string, Schema]> {
    yield [where, schema];
    for (const inner of subschemas(schema)) yield* within(`${where} >`, inner);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) yield* within(name, schema as Schema);
  for (const [where, operation] of operationsOf(document)) {
    for (const { name, schema } of operation.parameters ?? []) yield* within(`${where} ${name}`, schema as Schema);
    for (const [type, { schema }] of mediaOf(operation)) yield* within(`${where} ${type}`, schema as Schema);
  }
}

export function operationsOf({ paths }: OpenApiDocument): [where: string, operation: Operation][] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation as Operation]),
  );
}

type Media = Type.Static<typeof MediaType>;

/** Every body of an operation: its request's, and its answers' by status. */
export function mediaOf({ requestBody, responses }: Operation): [where: string, media: Media][] {
  const contents = [
    ['request', requestBody?.content ?? {}] as const,
    ...Object.entries(responses).map(([status, { content = {} }]) => [status, content] as const),
  ];
  return contents.flatMap(([where, content]) =>
    Object.entries(content).map(([type, media]): [string, Media] => [`${where} ${type}`, media]),
  );
}

/** A schema with what it refers to in place, and closed: an answer with a field that the document does not know does not fit. */
export function resolved(document: OpenApiDocument, schema: unknown): Type.TSchema {
  if (Array.isArray(schema)) return schema.map((item) => resolved(document, item));
  if (typeof schema !== 'object' || schema === null) return schema as Type.TSchema;
  if ('$ref' in schema) return resolved(document, document.components.schemas[String(schema.$ref).split('/').at(-1) ?? '']);
  const inner = Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => keyword !== 'examples')
      .map(([keyword, value]) => [keyword, resolved(document, value)]),
  );
  return 'properties' in inner ? { additionalProperties: false, ...inner } : inner;
}
