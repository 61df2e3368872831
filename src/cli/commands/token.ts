import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { addTokenHash } from './token-hash.ts';
import { addTokenList } from './token-list.ts';
import { addTokenNew } from './token-new.ts';
import { addTokenRevoke } from './token-revoke.ts';

export function addToken(program: Command, session: Session): void {
  const token = program
    .command('token')
    .summary('issue, list and revoke tokens')
    .description(
      'Tokens prove who calls. Roles: app reads keys; operator makes, changes, rotates; auditor reads history; admin issues tokens.',
    );
  addTokenNew(token, session);
  addTokenList(token, session);
  addTokenRevoke(token, session);
  addTokenHash(token, session);
}
