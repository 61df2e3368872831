import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { addAuditCheckpoint } from './audit-checkpoint.ts';
import { addAuditList } from './audit-list.ts';
import { addAuditDrop, addAuditExport } from './audit-retention.ts';
import { addAuditVerify } from './audit-verify.ts';

export function addAudit(program: Command, session: Session): void {
  const audit = program
    .command('audit')
    .summary('read, verify and export the audit log')
    .description('The audit log holds every read of keys, every refusal and every change; nobody can alter it unseen. Role: auditor.');
  addAuditList(audit, session);
  addAuditCheckpoint(audit, session);
  addAuditVerify(audit, session);
  addAuditExport(audit, session);
  addAuditDrop(audit, session);
}
