import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../core/errors.ts';
import { MOVE_PHASES, type MoveMark } from '../ports/move.ts';

const validator = Compile(
  Type.Object(
    {
      id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
      phase: Type.Union(MOVE_PHASES.map((phase) => Type.Literal(phase))),
      other: Type.String(),
    },
    { additionalProperties: false },
  ),
);

export function encodeMoveMark({ id, phase, other }: MoveMark): string {
  return JSON.stringify({ id, phase, other });
}

/** @throws KeyturnError `corrupt_document`: a mark that cannot be read might forbid to serve */
export function decodeMoveMark(text: string): MoveMark {
  const mark = parsed(text);
  if (validator.Check(mark)) return mark;
  throw new KeyturnError('corrupt_document', 'The mark of a move to another store cannot be read. Was it written by a newer Keyturn?');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
