import type { BackendReference } from '../gateway-objects.ts';
import type { ReportAt } from './relations.ts';

export function checkBackend(
  { group = '', kind = 'Service', port }: BackendReference,
  path: readonly (number | string)[],
  report: ReportAt,
): void {
  if (group === '' && kind === 'Service' && port === undefined) {
    report([...path, 'port'], 'is required and missing', 'a Service needs one');
  }
}
