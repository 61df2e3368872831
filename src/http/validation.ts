import type { FastifySchemaCompiler } from 'fastify';
import Type from 'typebox';
import { Compile } from 'typebox/compile';

/**
 * Checks requests against their schemas. What comes in a URL is text, so whole numbers are read there, from plain decimal digits and nothing
 * else: `1.5` and `true` are not version 1. Everywhere else nothing is converted.
 */
export const validatorCompiler: FastifySchemaCompiler<Type.TSchema> = ({ schema, httpPart }) => {
  const shape = Compile(schema);
  const numbers = httpPart === 'querystring' || httpPart === 'params' ? wholeNumbersOf(schema) : [];
  return (given: unknown) => {
    const value = numbers.length === 0 ? given : withNumbers(given, numbers);
    return shape.Check(value) ? { value } : { error: shape.Errors(value) };
  };
};

function wholeNumbersOf(schema: Type.TSchema): string[] {
  if (!Type.IsObject(schema)) return [];
  return Object.entries(schema.properties).flatMap(([name, field]) => (Type.IsInteger(field) ? [name] : []));
}

const DECIMAL = /^-?(?:0|[1-9]\d{0,14})$/;

function withNumbers(given: unknown, numbers: readonly string[]): unknown {
  if (typeof given !== 'object' || given === null) return given;
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, numbers.includes(name) ? toNumber(text) : text]));
}

function toNumber(text: unknown): unknown {
  return typeof text === 'string' && DECIMAL.test(text) ? Number(text) : text;
}
