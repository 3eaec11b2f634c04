import { writeFileSync } from 'node:fs';
import type { CheckResult } from './check.ts';

/** `PASS name: detail` or `FAIL name: detail`. */
export function resultLine({ name, ok, detail }: CheckResult): string {
  return `${ok ? 'PASS' : 'FAIL'} ${name}: ${detail.replaceAll('\n', ' ')}`;
}

/** Writes `{"checks": [{"name", "ok", "detail"}]}`. */
export function writeResults(file: string, checks: readonly CheckResult[]): void {
  writeFileSync(file, `${JSON.stringify({ checks }, undefined, 2)}\n`);
}
