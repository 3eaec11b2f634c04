import { quoted } from '../manifest/problem.ts';
import { isDnsLabel } from './formats.ts';
import type { ReportAt } from './relations.ts';

/** `exportTo` of Istio's objects: `.`, `*` or `~` alone, or names of namespaces. */
export function checkExportTo(exportTo: readonly string[] | undefined, report: ReportAt): void {
  const scopes = exportTo ?? [];
  scopes.forEach((scope, index) => {
    const path = ['spec', 'exportTo', index];
    if (!['.', '*', '~'].includes(scope) && !isDnsLabel(scope)) {
      report(path, `${quoted(scope)} is neither a namespace nor one of . * ~`);
    }
    if (scopes.indexOf(scope) !== index) report(path, `${quoted(scope)} stands twice`);
    if (['*', '~'].includes(scope) && scopes.length > 1) report(path, `${quoted(scope)} stands alone or not at all`);
  });
}
