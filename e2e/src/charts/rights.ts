import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Rendered } from './rendered.ts';

const CONTROLLER_README = fileURLToPath(new URL('../../../packages/istiod-lite/README.md', import.meta.url));

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Rights of a Role or ClusterRole, one by one: `verb group/resource`, and ` of name, name` where it is limited to names. */
export function rightsOf(role: Rendered | undefined): string[] {
  const rules = (role?.['rules'] ?? []) as readonly Rule[];
  return rules.flatMap((rule) => oneByOne(rule, rule.resourceNames));
}

/**
 * What the controller's README says it needs, one by one: the rows `| group | resources | verbs | ...` of the first table
 * below a line that begins with `heading`.
 */
export function documentedRights(heading: string): string[] {
  const [, section = ''] = readFileSync(CONTROLLER_README, 'utf8').split(`\n${heading}`);
  const [, table = ''] = section.split('\n\n');
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => {
    const [group = '', resources = '', verbs = ''] = row.replaceAll('`', '').split('|').slice(1);
    const [plain = '', names] = resources.replace(/\]/, '').split('resourceNames: [');
    const rule = { apiGroups: [group.trim()], resources: words(plain), verbs: words(verbs) };
    return oneByOne(rule, names === undefined ? undefined : words(names));
  });
}

function oneByOne({ apiGroups, resources, verbs }: Rule, names: readonly string[] | undefined): string[] {
  const limit = names === undefined ? '' : ` of ${names.join(', ')}`;
  return verbs.flatMap((verb) =>
    apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${group}/${resource}${limit}`)),
  );
}

function words(list: string): string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
