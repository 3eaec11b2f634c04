import type {
  ConsistentHash as HashMessage,
  HashCookie as CookieMessage,
  Warmup as WarmupMessage,
} from '@ambit/proto/waypoint';
import { cookieAttributeProblem, cookieNameProblem } from '../cookies/cookies.ts';
import { isPrime } from '../load-balancing/consistent-hash/prime.ts';
import { MAX_COOKIE_ATTRIBUTES, MAX_DEADLINE_MS, MAX_MAGLEV_TABLE } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { ConsistentHash, HashCookie, HashKey, HashTableSize, Warmup } from './served-service.ts';

export function readConsistentHash(
  message: HashMessage | undefined,
  field: string,
  problems: Problems,
): ConsistentHash | null {
  if (message === undefined) return null;
  const key = readKey(message.key, field, problems);
  const table = readTable(message.table, field, problems);
  return key === undefined || table === undefined ? null : { key, table };
}

function readKey(key: HashMessage['key'], field: string, problems: Problems): HashKey | undefined {
  switch (key.case) {
    case 'header':
      if (key.value === '') problems.add(`${field}.header`, 'is empty');
      return { kind: 'header', name: key.value.toLowerCase() };
    case 'queryParameter':
      if (key.value === '') problems.add(`${field}.query_parameter`, 'is empty');
      return { kind: 'query-parameter', name: key.value };
    case 'sourceIp':
      if (!key.value) problems.add(`${field}.source_ip`, 'is false');
      return { kind: 'source-ip' };
    case 'cookie':
      return { kind: 'cookie', cookie: readCookie(key.value, `${field}.cookie`, problems) };
    case undefined:
      problems.add(`${field}.key`, 'is of a kind that is not known; is the controller newer than this waypoint?');
      return undefined;
  }
}

function readCookie({ name, path, ttlS, attributes }: CookieMessage, field: string, problems: Problems): HashCookie {
  const note = (place: string, problem: string | undefined): void => {
    if (problem !== undefined) problems.add(`${field}.${place}`, problem);
  };
  note('name', cookieNameProblem(name));
  note('path', cookieAttributeProblem(path));
  if (attributes.length > MAX_COOKIE_ATTRIBUTES)
    problems.add(`${field}.attributes`, `are ${attributes.length}, more than ${MAX_COOKIE_ATTRIBUTES}`);
  for (const [index, attribute] of attributes.entries()) {
    note(`attributes[${index}].name`, cookieNameProblem(attribute.name));
    note(`attributes[${index}].value`, cookieAttributeProblem(attribute.value));
  }
  return {
    name,
    path,
    ttlS: ttlS === undefined ? null : Math.min(Number(ttlS), MAX_DEADLINE_MS),
    attributes: attributes.map((attribute) => ({ name: attribute.name, value: attribute.value })),
  };
}

function readTable(table: HashMessage['table'], field: string, problems: Problems): HashTableSize | undefined {
  switch (table.case) {
    case 'minimumRingSize':
      if (table.value === 0) problems.add(`${field}.minimum_ring_size`, 'is 0');
      return { kind: 'ring', size: table.value };
    case 'maglevTableSize':
      if (table.value > MAX_MAGLEV_TABLE || !isPrime(table.value))
        problems.add(`${field}.maglev_table_size`, `${table.value} is not a prime number up to ${MAX_MAGLEV_TABLE}`);
      return { kind: 'maglev', size: table.value };
    case undefined:
      problems.add(`${field}.table`, 'is of a kind that is not known; is the controller newer than this waypoint?');
      return undefined;
  }
}

export function readWarmup(message: WarmupMessage | undefined, field: string, problems: Problems): Warmup | null {
  if (message === undefined) return null;
  const { durationMs, minimumPercent, aggression } = message;
  if (durationMs === 0n) problems.add(`${field}.duration_ms`, 'is 0');
  if (!(minimumPercent >= 0 && minimumPercent <= 100))
    problems.add(`${field}.minimum_percent`, `${minimumPercent} is no share of 100`);
  if (!(aggression > 0 && Number.isFinite(aggression))) problems.add(`${field}.aggression`, 'is not above 0');
  return { durationMs: Math.min(Number(durationMs), MAX_DEADLINE_MS), minimumPercent, aggression };
}
