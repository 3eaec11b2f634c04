import { MANGLE_TABLE, NAT_TABLE, RAW_TABLE } from '@ambit/capture/host-contract';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';

const TABLES = [NAT_TABLE, MANGLE_TABLE, RAW_TABLE];

/** Whether a network namespace has a table of the redirection, whole or not. Throws when it cannot be looked at. */
export function hasRedirection(namespace: number): boolean {
  const listing = inNamespace(namespace, () =>
    runTool('nft', ['list', 'tables', 'inet'], { purpose: 'look for rules of an earlier agent' }),
  );
  return TABLES.some((name) => listing.split('\n').includes(`table inet ${name}`));
}
