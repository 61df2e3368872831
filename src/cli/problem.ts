import Type from 'typebox';
import Value from 'typebox/value';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import type { Answer } from './transport.ts';

const Problem = Type.Object({
  title: Type.String(),
  detail: Type.Optional(Type.String()),
  code: Type.String(),
  requestId: Type.Optional(Type.String()),
  faults: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});

/** The failure that an answer other than 2xx stands for. */
export function refusalOf(answer: Answer): Failure {
  const problem = parseJson(answer.text);
  if (!Value.Check(Problem, problem)) return strange(`status ${answer.status} without a problem document`);
  const { title, detail = title, code, requestId = null, faults = [] } = problem;
  const wait = answer.headers['retry-after'];
  const message = wait !== undefined && /^\d+$/.test(wait) ? `${detail} Try again in ${wait} s.` : detail;
  return new Failure(exitCodeFor(answer.status), message, { code, requestId, faults });
}

/**
 * The body of a 2xx answer in the shape that is expected of it; fields that this program does not know are let through.
 * @throws Failure `unreachable` for HTML, for no JSON, and for another shape
 */
export function readBody<Schema extends Type.TSchema>(answer: Answer, schema: Schema): Type.Static<Schema> {
  const body = parseJson(answer.text);
  if (body === undefined) throw strange('something that is not JSON');
  return checked(schema, body);
}

/** @throws Failure `unreachable` naming where the shape is another one */
export function checked<Schema extends Type.TSchema>(schema: Schema, value: unknown): Type.Static<Schema> {
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw strange(`another shape than expected at ${first?.instancePath || '/'}`);
}

function exitCodeFor(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.unauthorised;
  return status === 429 || status >= 500 ? EXIT.unavailable : EXIT.refused;
}

function strange(what: string): Failure {
  return new Failure(
    EXIT.unreachable,
    `The answer is not Keyturn's: ${what}. Does KEYTURN_URL name the service and not a proxy or another site?`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
