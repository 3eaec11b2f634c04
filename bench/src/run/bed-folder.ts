import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what one stand writes. */
export function bedFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'ambit-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
