import type { LocalityLb } from '../../locality-objects.ts';
import { locatedJson } from '../../manifest/json.ts';
import { checkObject, FindingList } from '../../schema/check.ts';
import { checkLocality } from '../../schema/locality-relations.ts';
import { localityNotHonoured } from './locality-preference.ts';

const FIELD = 'localityLbSetting';

/** `localityLbSetting` of MeshConfig, from the whole as it was parsed; a problem leaves Istio's default in force. */
export function readMeshLocality(config: unknown): LocalityLb | { readonly problem: string } {
  const value: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, FIELD) : undefined;
  if (value === undefined || value === null) return {};
  const located = locatedJson(value);
  if (located === undefined) return { problem: `${FIELD} is not an object` };
  const findings = new FindingList();
  const setting: LocalityLb = checkObject('LocalityLb', located, FIELD, findings);
  const problems = findings.list.map(({ path, message }) => `${path}: ${message}`);
  if (problems.length === 0) {
    checkLocality(setting, [FIELD], (path, message) => problems.push(`${path.join('.')}: ${message}`));
    // Rules decide whether endpoints that fail are passed over.
    problems.push(...localityNotHonoured(setting, true, FIELD));
  }
  return problems.length === 0 ? setting : { problem: `not honoured: ${problems.join('; ')}` };
}
