import { parseIp } from '@ambit/core/address';
import { parseCidr } from '@ambit/core/cidr';
import type { LocatedScalar } from '../manifest/located.ts';
import { quoted } from '../manifest/problem.ts';
import { gatewayDurationMs, istioDurationMs } from './durations.ts';
import { isDnsLabel, isDnsName, isPortName, isQuantity, isTime } from './formats.ts';

export type Reading =
  | { readonly ok: true; readonly value: boolean | number | string }
  | { readonly ok: false; readonly message: string; readonly cause?: string };

type ScalarReader = (node: LocatedScalar) => Reading;

const MAX_INT = Number.MAX_SAFE_INTEGER;

const READERS = new Map<string, ScalarReader>([
  ['string', (node) => readText(node)],
  ['text', (node) => textThat(node, (text) => text !== '', 'must not be empty')],
  ['boolean', readBoolean],
  ['int', (node) => readInteger(node, -MAX_INT, MAX_INT, 'a whole number')],
  ['count', (node) => readInteger(node, 0, MAX_INT, 'a whole number from 0')],
  ['number', readNumber],
  ['weight', (node) => readInteger(node, 0, 1_000_000, 'a weight', 'weights go from 0 to 1000000')],
  [
    'gateway-duration',
    (node) =>
      textThat(
        node,
        (text) => gatewayDurationMs(text) !== undefined,
        'must be a duration such as 1h30m, 10s or 500ms, without fractions',
      ),
  ],
  [
    'istio-duration',
    (node) =>
      textThat(node, (text) => istioDurationMs(text) !== undefined, 'must be a duration such as 1h, 1.5s or 100ms'),
  ],
  ['port', (node) => readInteger(node, 1, 65_535, 'a port', PORTS)],
  ['port-or-zero', (node) => readInteger(node, 0, 65_535, 'a port', PORTS)],
  [
    'int-or-string',
    (node) =>
      typeof node.value === 'number' ? readInteger(node, -MAX_INT, MAX_INT, 'a whole number') : readText(node),
  ],
  ['port-or-name', readPortOrName],
  ['port-text', readPortText],
  ['port-name', (node) => textThat(node, isPortName, PORT_NAME)],
  ['dns-label', (node) => textThat(node, (text) => text === '' || isDnsLabel(text), DNS_LABEL)],
  ['dns-name', (node) => textThat(node, (text) => text === '' || isDnsName(text), DNS_NAME)],
  ['time', (node) => textThat(node, isTime, 'must be a time such as 2026-01-31T10:00:00Z')],
  ['quantity', readQuantity],
  ['ip', (node) => textThat(node, (text) => parseIp(text) !== undefined, 'must be an IP address')],
  [
    'ip-or-empty',
    (node) => textThat(node, (text) => text === '' || parseIp(text) !== undefined, 'must be an IP address'),
  ],
  [
    'cluster-ip',
    (node) =>
      textThat(
        node,
        (text) => text === '' || text === 'None' || parseIp(text) !== undefined,
        'must be an IP address or None',
      ),
  ],
  ['cidr', readCidr],
  [
    'account',
    (node) =>
      textThat(node, isAccount, 'must be a service account `name` or `namespace/name`; wildcards are not known here'),
  ],
  [
    'no-namespace',
    (node) => textThat(node, (text) => text === '', 'must be left out: a policy targets objects of its own namespace'),
  ],
]);

const PORTS = 'ports go from 1 to 65535';
const REMOVE_QUOTES = { cause: 'remove the quotes' };
const PORT_NAME = 'must be at most 15 lower-case letters, digits and single inner hyphens, with one letter at least';
const DNS_LABEL = 'must be a DNS-1123 label: at most 63 lower-case letters, digits and inner hyphens';
const DNS_NAME = 'must be a DNS-1123 name: lower-case letters, digits, inner hyphens and dots';

/** Whether a name stands for a scalar that `readScalar` knows. */
export function isScalarName(name: string): boolean {
  return READERS.has(name);
}

/** Reads a value as the named scalar, with the types that the API server sees: `yes` is a boolean there, and `0644` octal. */
export function readScalar(name: string, node: LocatedScalar): Reading {
  const reader = READERS.get(name);
  return reader === undefined ? { ok: false, message: `no scalar is called ${name}` } : reader(node);
}

/** A value as a message shows it. */
export function describeScalar(node: LocatedScalar): string {
  if (typeof node.value === 'string') return quoted(node.value);
  return node.plain === undefined || node.plain === '' ? String(node.value) : quoted(node.plain).slice(1, -1);
}

// YAML 1.1, which the API server and kubectl read.
const TRUE_WORDS: ReadonlySet<string> = new Set(['yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['no', 'No', 'NO', 'off', 'Off', 'OFF']);

function readText(node: LocatedScalar): Reading {
  if (typeof node.value !== 'string') {
    return { ok: false, message: `${describeScalar(node)} is not text`, cause: 'put it in quotes' };
  }
  if (node.plain !== undefined && (TRUE_WORDS.has(node.plain) || FALSE_WORDS.has(node.plain))) {
    return { ok: false, message: `${node.plain} is a boolean to Kubernetes, not text`, cause: 'put it in quotes' };
  }
  return { ok: true, value: node.value };
}

function textThat(node: LocatedScalar, holds: (text: string) => boolean, rule: string): Reading {
  const reading = readText(node);
  if (!reading.ok || (typeof reading.value === 'string' && holds(reading.value))) return reading;
  return { ok: false, message: `${describeScalar(node)} ${rule}` };
}

function readBoolean(node: LocatedScalar): Reading {
  if (typeof node.value === 'boolean') return { ok: true, value: node.value };
  if (node.plain !== undefined && TRUE_WORDS.has(node.plain)) return { ok: true, value: true };
  if (node.plain !== undefined && FALSE_WORDS.has(node.plain)) return { ok: true, value: false };
  const cause = node.value === 'true' || node.value === 'false' ? REMOVE_QUOTES : {};
  return { ok: false, message: `${describeScalar(node)} is not true or false`, ...cause };
}

function readInteger(node: LocatedScalar, least: number, most: number, what: string, rule?: string): Reading {
  const value = node.plain !== undefined && /^0[0-7]+$/.test(node.plain) ? Number.parseInt(node.plain, 8) : node.value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) {
    return { ok: true, value };
  }
  const cause = isQuotedNumber(node) ? REMOVE_QUOTES : rule === undefined ? {} : { cause: rule };
  return { ok: false, message: `${describeScalar(node)} is not ${what}`, ...cause };
}

function readNumber(node: LocatedScalar): Reading {
  if (typeof node.value === 'number' && Number.isFinite(node.value)) return { ok: true, value: node.value };
  const cause = isQuotedNumber(node) ? REMOVE_QUOTES : {};
  return { ok: false, message: `${describeScalar(node)} is not a number`, ...cause };
}

function isQuotedNumber(node: LocatedScalar): boolean {
  return typeof node.value === 'string' && /^[0-9]+$/.test(node.value);
}

function readPortOrName(node: LocatedScalar): Reading {
  if (isQuotedNumber(node))
    return { ok: false, message: `${describeScalar(node)} is text, not a port`, ...REMOVE_QUOTES };
  if (typeof node.value === 'string') return textThat(node, isPortName, PORT_NAME);
  return readInteger(node, 1, 65_535, 'a port', PORTS);
}

function readPortText(node: LocatedScalar): Reading {
  const text = node.value;
  if (typeof text === 'string' && /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535) return readText(node);
  if (typeof text === 'number') {
    return {
      ok: false,
      message: `${describeScalar(node)} is a number, and ports of a policy are text`,
      cause: 'put it in quotes',
    };
  }
  return { ok: false, message: `${describeScalar(node)} is not a port`, cause: 'ports go from "1" to "65535"' };
}

function readQuantity(node: LocatedScalar): Reading {
  if (typeof node.value === 'number') return { ok: true, value: node.value };
  return textThat(node, isQuantity, 'must be a quantity such as 100m, 48Mi or 2');
}

function readCidr(node: LocatedScalar): Reading {
  const reading = readText(node);
  if (!reading.ok || (typeof reading.value === 'string' && parseCidr(reading.value) !== undefined)) return reading;
  return {
    ok: false,
    message: `${describeScalar(node)} is not an IP block`,
    cause: 'an address, or an address with a prefix length of at most 32 (IPv4) or 128 (IPv6)',
  };
}

function isAccount(text: string): boolean {
  if (text.length > 320 || text.includes('*')) return false;
  const slash = text.indexOf('/');
  return slash < 0 ? isDnsName(text) : isDnsLabel(text.slice(0, slash)) && isDnsName(text.slice(slash + 1));
}
