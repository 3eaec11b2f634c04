/** One rule: what it matches, what it does, and why, which is also the comment that operators see in `nft list`. */
export interface Rule {
  readonly match: string;
  readonly verdict: string;
  /** Unique within its chain; at most 128 bytes, no quotes (nft's limit of a comment). */
  readonly why: string;
}

export interface Chain {
  readonly name: string;
  /** The hook line of a base chain, e.g. `type nat hook output priority -100; policy accept;`. */
  readonly hook?: string;
  /** A chain that is entered after the rules, unless one of them decided. */
  readonly jump?: string;
  readonly rules: readonly Rule[];
}

export interface Table {
  /** Always of family `inet`. */
  readonly name: string;
  /** Lines that define sets. */
  readonly sets?: readonly string[];
  readonly chains: readonly Chain[];
}

/**
 * Text for `nft -f -` that puts the tables in place of whatever had their names, in one transaction. NAT of connections
 * that are already translated goes on, because the new hooks are registered before the old ones leave.
 */
export function renderTables(tables: readonly Table[]): string {
  return tables.map((table) => dropTable(table.name) + renderTable(table)).join('');
}

/** Text that removes a table and does not mind when there is none. */
export function dropTable(name: string): string {
  // `add` first: plain `delete` fails on a table that is not there, and `destroy` needs nft 1.0.7.
  return `add table inet ${name}\ndelete table inet ${name}\n`;
}

/**
 * What of the tables is not in the kernel, given the output of `nft list ruleset`: names a missing table, chain or rule,
 * a wrong order and rules that do not belong there. Empty when all is as wanted.
 */
export function differences(tables: readonly Table[], listing: string): string[] {
  const found = readListing(listing);
  const problems: string[] = [];
  for (const table of tables) {
    const chains = found.get(table.name);
    if (chains === undefined) {
      problems.push(`table inet ${table.name} is missing`);
      continue;
    }
    for (const chain of table.chains) {
      const place = `chain ${chain.name} of table inet ${table.name}`;
      const wanted = chain.rules.map((rule) => rule.why).concat(chain.jump === undefined ? [] : [`jump ${chain.jump}`]);
      const present = chains.get(chain.name);
      if (present === undefined) {
        problems.push(`${place} is missing`);
        continue;
      }
      const before = problems.length;
      for (const why of wanted) if (!present.includes(why)) problems.push(`${place} lacks the rule "${why}"`);
      for (const why of present) if (!wanted.includes(why)) problems.push(`${place} has the foreign rule "${why}"`);
      if (problems.length === before && wanted.join('\n') !== present.join('\n'))
        problems.push(`${place} has its rules in the wrong order`);
    }
  }
  return problems;
}

function renderTable(table: Table): string {
  const lines = (table.sets ?? []).map((set) => `  ${set}\n`);
  for (const chain of table.chains) {
    lines.push(`  chain ${chain.name} {\n`);
    if (chain.hook !== undefined) lines.push(`    ${chain.hook}\n`);
    for (const rule of chain.rules) lines.push(`    ${rule.match} counter ${rule.verdict} comment "${rule.why}"\n`);
    if (chain.jump !== undefined) lines.push(`    jump ${chain.jump}\n`);
    lines.push('  }\n');
  }
  return `table inet ${table.name} {\n${lines.join('')}}\n`;
}

/** Table name -> chain name -> the comments (or, lacking one, the text) of its rules in order. */
function readListing(listing: string): Map<string, Map<string, string[]>> {
  const tables = new Map<string, Map<string, string[]>>();
  let chains: Map<string, string[]> | undefined;
  let rules: string[] | undefined;
  for (const line of listing.split('\n').map((text) => text.trim())) {
    const table = /^table (\S+) (\S+) \{/.exec(line);
    const chain = /^chain (\S+) \{/.exec(line);
    if (table !== null) {
      chains = undefined;
      if (table[1] !== 'inet') continue;
      chains = new Map<string, string[]>();
      tables.set(table[2] ?? '', chains);
    } else if (chain !== null) {
      rules = [];
      chains?.set(chain[1] ?? '', rules);
    } else if (line === '}') {
      rules = undefined;
    } else if (line !== '' && !line.startsWith('type ')) {
      rules?.push(/ comment "([^"]*)"/.exec(line)?.[1] ?? line);
    }
  }
  return tables;
}
