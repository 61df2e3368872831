import Type from 'typebox';
import { Check } from 'typebox/value';
import type { Fault } from '../core/errors.ts';
import { didYouMean } from './did-you-mean.ts';

/** A field name that may be quoted in a fault. Others could be a secret that slipped to the wrong side of a colon. */
const QUOTABLE = /^[A-Za-z_-]{1,40}$/;

/** A mapping of the file. */
export type Mapping = Readonly<Record<string, unknown>>;

/**
 * Every place where a value departs from a schema, in words; values are never quoted. The validator's own list is not used: it stops
 * at a number of errors and knows nothing of the words.
 */
export function shapeFaults(schema: Type.TSchema, value: unknown, path = ''): Fault[] {
  const shape = alternative(schema, value);
  if (Type.IsObject(shape)) return isMapping(value) ? mappingFaults(shape, value, path) : [fault(path, 'must be a mapping of fields')];
  if (Type.IsArray(shape) && Array.isArray(value)) return listFaults(shape, value, path);
  return Check(shape, value) ? [] : [fault(path, `must be ${wordsOf(shape)}`)];
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where a mapping is one of several choices, its own fields deserve the fault. */
function alternative(schema: Type.TSchema, value: unknown): Type.TSchema {
  const objects = Type.IsUnion(schema) ? schema.anyOf.filter(Type.IsObject) : [];
  return objects.length === 1 && value !== null ? (objects[0] ?? schema) : schema;
}

function mappingFaults(schema: Type.TObject, value: Mapping, path: string): Fault[] {
  const known = Object.keys(schema.properties);
  const unknown = Object.keys(value).filter((field) => !known.includes(field));
  const missing = known.filter((field) => !Object.hasOwn(value, field) && !Type.IsOptional(schema.properties[field]));
  const present = Object.entries(schema.properties).filter(([field]) => Object.hasOwn(value, field));
  return [
    ...unknown.map((field) => unknownField(field, known, path)),
    ...missing.map((field) => fault(`${path}/${field}`, 'is missing')),
    ...present.flatMap(([field, shape]) => shapeFaults(shape, value[field], `${path}/${field}`)),
  ];
}

function unknownField(field: string, known: readonly string[], path: string): Fault {
  if (!QUOTABLE.test(field)) return fault(path, 'has a field that is unknown here and is not quoted, as it might be a secret');
  return fault(`${path}/${field}`, `is not a setting${didYouMean(field, known)}`);
}

function listFaults(schema: Type.TArray, value: readonly unknown[], path: string): Fault[] {
  const items = value.flatMap((item, index) => shapeFaults(schema.items, item, `${path}/${index}`));
  return items.length > 0 || Check(schema, value) ? items : [fault(path, `must be ${wordsOf(schema)}`)];
}

function wordsOf(schema: Type.TSchema): string {
  return 'description' in schema && typeof schema.description === 'string' ? schema.description : 'of another type';
}

function fault(path: string, message: string): Fault {
  return { path: path === '' ? '/' : path, message };
}
